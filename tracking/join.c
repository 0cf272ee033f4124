#include "tracking/join.h"

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "tracking/join_private.h"

#include <string.h>

#define GROUP "waiting"
#define QUIET 1000 /* ms */
#define GROUPS_LIMIT 1000
#define RECIPIENTS_LIMIT 5000
/* Of those kept for rows that the log has no recipients for. */
#define DEFERRED_LIMIT 1000
#define RECEIVED_LIMIT 16384 /* bytes */

static void
free_group(struct ph_join_group *group)
{
	g_free(group->queue_id);
	g_free(group->pid);
	g_free(group->relay);
	g_free(group->text);
	g_array_unref(group->offsets);
	ph_track_clear(&group->record);
	g_free(group);
}

static void
free_entry(gpointer data)
{
	struct ph_join_entry *entry = data;

	g_free(entry->queue_id);
	g_free(entry->message_id);
	g_free(entry->nmid);
	g_free(entry->sender);
	g_free(entry->size);
	g_clear_pointer(&entry->deferred, g_hash_table_unref);
	ph_track_clear(&entry->received);
	g_free(entry);
}

struct ph_join *
ph_join_new(const struct ph_join_options *options)
{
	struct ph_join *join = g_new0(struct ph_join, 1);

	join->options = *options;
	join->options.server = g_strdup(options->server);
	join->options.address = g_strdup(options->address);
	join->entries =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_entry);
	g_queue_init(&join->used);
	g_queue_init(&join->waiting);
	g_queue_init(&join->groups);
	join->started = ph_clock_wall();
	join->now = ph_clock_mono();
	return join;
}

void
ph_join_free(struct ph_join **join)
{
	struct ph_join *j = *join;

	if (!j)
		return;
	g_queue_clear(&j->used);
	g_queue_clear(&j->waiting);
	for (GList *l = j->groups.head; l; l = l->next)
		free_group(l->data);
	g_queue_clear(&j->groups);
	g_hash_table_unref(j->entries);
	g_free((char *)j->options.server);
	g_free((char *)j->options.address);
	g_clear_pointer(join, g_free);
}

void
ph_join_log_id(const char *server, int64_t offset, const char *line,
	       char log_id_r[PH_UUID_TEXT])
{
	g_autofree char *text = g_strdup_printf("%s\n%" G_GINT64_FORMAT "\n%s",
						server, offset, line);

	ph_uuid_from_text(text, log_id_r);
}

static void
stop_waiting(struct ph_join *join, struct ph_join_entry *entry)
{
	if (entry->waiting)
		g_queue_delete_link(&join->waiting, entry->waiting);
	entry->waiting = NULL;
}

static void
remove_entry(struct ph_join *join, struct ph_join_entry *entry)
{
	stop_waiting(join, entry);
	g_queue_delete_link(&join->used, entry->used);
	g_hash_table_remove(join->entries, entry->queue_id);
}

static struct ph_join_entry *
find_entry(const struct ph_join *join, const char *queue_id)
{
	return g_hash_table_lookup(join->entries, queue_id);
}

/* The entry, made when there is none, now the one used last. */
static struct ph_join_entry *
touch_entry(struct ph_join *join, const char *queue_id)
{
	struct ph_join_entry *entry = find_entry(join, queue_id);

	if (entry) {
		g_queue_unlink(&join->used, entry->used);
		g_queue_push_tail_link(&join->used, entry->used);
		return entry;
	}
	if (join->used.length >= join->options.queue_ids)
		remove_entry(join, g_queue_peek_head(&join->used));
	entry = g_new0(struct ph_join_entry, 1);
	entry->queue_id = g_strdup(queue_id);
	g_queue_push_tail(&join->used, entry);
	entry->used = join->used.tail;
	g_hash_table_insert(join->entries, entry->queue_id, entry);
	return entry;
}

static void
replace_text(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

static void
take_received(struct ph_join_entry *entry, const struct ph_track_record *record)
{
	char *recipients;

	for (int i = 0; i < PH_COLUMNS; i++)
		if (i != PH_COL_CUSTOM_DATA && i != PH_COL_SOURCE_CONTEXT)
			ph_track_set(&entry->received, (enum ph_column)i,
				     record->value[i]);
	entry->has_received = true;
	recipients = entry->received.value[PH_COL_RECIPIENT_ADDRESS];
	if (recipients && strlen(recipients) > RECEIVED_LIMIT) {
		char *last = memrchr(recipients, ';', RECEIVED_LIMIT);

		*(last ? last : recipients) = '\0';
	}
}

void
ph_join_received(struct ph_join *join, const char *queue_id,
		 const struct ph_track_record *record)
{
	struct ph_join_entry *entry = touch_entry(join, queue_id);

	take_received(entry, record);
	if (entry->active || join->options.queue_timeout <= 0)
		return;
	/* What we made ourselves was in the queue before its row was written.
	 */
	if (strcmp(ph_track_get(record, PH_COL_EVENT_ID), "RECEIVE") != 0)
		return;
	stop_waiting(join, entry);
	if (ph_parse_date(ph_track_get(record, PH_COL_DATE_TIME),
			  &entry->received_at, NULL) < 0)
		return;
	g_queue_push_tail(&join->waiting, entry);
	entry->waiting = join->waiting.tail;
}

/* Makes sure that the RECEIVE row is there, if there is one. */
static struct ph_join_entry *
complete_entry(struct ph_join *join, const char *queue_id)
{
	struct ph_join_entry *entry = touch_entry(join, queue_id);
	struct ph_track_record record;

	if (entry->has_received || entry->searched)
		return entry;
	join->options.poll(join->options.context);
	/* That may have made many entries. */
	entry = touch_entry(join, queue_id);
	if (entry->has_received || entry->fresh)
		return entry;
	entry->searched = true;
	if (join->options.find(join->options.context, queue_id, &record) > 0) {
		take_received(entry, &record);
		ph_track_clear(&record);
	}
	return entry;
}

static void
emit(struct ph_join *join, struct ph_track_record *record)
{
	join->options.row(join->options.context, record);
	ph_track_clear(record);
}

static void
write_group(struct ph_join *join, GList *link)
{
	struct ph_join_group *group = link->data;

	ph_track_setf(&group->record, PH_COL_RECIPIENT_COUNT, "%zu",
		      group->recipients);
	g_queue_delete_link(&join->groups, link);
	emit(join, &group->record);
	free_group(group);
}

/* Writes the open transactions of a queue id; NULL: all. */
static void
write_groups(struct ph_join *join, const char *queue_id)
{
	GList *next;

	for (GList *l = join->groups.head; l; l = next) {
		const struct ph_join_group *group = l->data;

		next = l->next;
		if (!queue_id || strcmp(group->queue_id, queue_id) == 0)
			write_group(join, l);
	}
}

void
ph_join_flush(struct ph_join *join)
{
	write_groups(join, NULL);
}

static void
fail_unqueued(struct ph_join *join)
{
	struct ph_join_entry *entry;

	while ((entry = g_queue_peek_head(&join->waiting)) != NULL &&
	       entry->received_at + join->options.queue_timeout <
		   join->log_time) {
		struct ph_track_record record = {{NULL}};

		stop_waiting(join, entry);
		entry = complete_entry(join, entry->queue_id);
		ph_join_row_unqueued(join, entry, &record);
		emit(join, &record);
	}
}

void
ph_join_tick(struct ph_join *join, int64_t now_ms)
{
	GList *next;

	join->now = now_ms;
	for (GList *l = join->groups.head; l; l = next) {
		const struct ph_join_group *group = l->data;

		next = l->next;
		if (group->quiet + QUIET <= now_ms)
			write_group(join, l);
	}
	fail_unqueued(join);
}

GArray *
ph_join_unfinished(const struct ph_join *join)
{
	GArray *offsets = g_array_new(FALSE, FALSE, sizeof(int64_t));

	for (GList *l = join->groups.head; l; l = l->next) {
		const struct ph_join_group *group = l->data;

		g_array_append_vals(offsets, group->offsets->data,
				    group->offsets->len);
	}
	return offsets;
}

/* One transaction of SMTP has one reply. LMTP has one for each recipient, at
 * the same time or nearly. */
static bool
belongs(const struct ph_join_group *group, const struct ph_maillog *line)
{
	return group->recipients < RECIPIENTS_LIMIT &&
	       line->time - group->time <= QUIET &&
	       (strcmp(group->text, line->text) == 0 ||
		(group->each && line->time / 1000 == group->time / 1000));
}

/* The open transaction that the line belongs to; NULL: none. One that it ends
 * is written. */
static struct ph_join_group *
find_group(struct ph_join *join, const struct ph_maillog *line)
{
	for (GList *l = join->groups.tail; l; l = l->prev) {
		struct ph_join_group *group = l->data;

		if (strcmp(group->queue_id, line->queue_id) != 0 ||
		    strcmp(group->pid, line->pid) != 0 ||
		    strcmp(group->relay, line->relay) != 0)
			continue;
		if (belongs(group, line))
			return group;
		write_group(join, l);
		return NULL;
	}
	return NULL;
}

static struct ph_join_group *
add_group(struct ph_join *join, const struct ph_maillog *line,
	  const struct ph_join_origin *origin,
	  const struct ph_join_route *route)
{
	struct ph_join_group *group = g_new0(struct ph_join_group, 1);

	if (join->groups.length >= GROUPS_LIMIT)
		write_group(join, join->groups.head);
	group->queue_id = g_strdup(line->queue_id);
	group->pid = g_strdup(line->pid);
	group->relay = g_strdup(line->relay);
	group->text = g_strdup(line->text);
	group->each = strcmp(line->daemon, "lmtp") == 0;
	group->offsets = g_array_new(FALSE, FALSE, sizeof(int64_t));
	ph_join_row_sent(join, complete_entry(join, line->queue_id), line,
			 origin, route->sent, route->source, &group->record);
	g_queue_push_tail(&join->groups, group);
	return group;
}

static void
set_deferred(struct ph_join_entry *entry, const char *recipient, bool deferred)
{
	if (!deferred && entry->deferred)
		g_hash_table_remove(entry->deferred, recipient);
	if (!deferred)
		return;
	if (!entry->deferred)
		entry->deferred = g_hash_table_new_full(g_str_hash, g_str_equal,
							g_free, NULL);
	if (g_hash_table_size(entry->deferred) < DEFERRED_LIMIT)
		g_hash_table_add(entry->deferred, g_strdup(recipient));
}

static void
on_sent(struct ph_join *join, const struct ph_maillog *line,
	const struct ph_join_origin *origin)
{
	g_autofree char *host = NULL, *address = NULL;
	const struct ph_join_route *route;
	struct ph_join_group *group;

	set_deferred(touch_entry(join, line->queue_id), line->recipient, false);
	ph_maillog_relay(line->relay, &host, &address);
	route = ph_join_route_find(line, address);
	if (origin->done || !route->sent)
		return;
	group = find_group(join, line);
	if (!group)
		group = add_group(join, line, origin, route);
	ph_join_row_recipient(&group->record, line);
	group->recipients++;
	group->time = line->time;
	group->quiet = join->now;
	g_array_append_val(group->offsets, origin->offset);
}

static void
on_failed(struct ph_join *join, const struct ph_maillog *line,
	  const struct ph_join_origin *origin)
{
	bool deferred = line->kind == PH_MAILLOG_DEFERRED;
	struct ph_track_record record = {{NULL}};

	set_deferred(touch_entry(join, line->queue_id), line->recipient,
		     deferred);
	if (origin->done)
		return;
	ph_join_row_failed(join, complete_entry(join, line->queue_id), line,
			   origin, deferred ? "DEFER" : "FAIL", &record);
	emit(join, &record);
}

static void
on_dsn(struct ph_join *join, const struct ph_maillog *line,
       const struct ph_join_origin *origin)
{
	struct ph_track_record record = {{NULL}};
	struct ph_join_entry *entry;

	if (origin->done)
		return;
	entry = complete_entry(join, line->queue_id);
	ph_join_row_dsn(join, entry, find_entry(join, line->other_id), line,
			origin, &record);
	emit(join, &record);
}

static void
on_expired(struct ph_join *join, const struct ph_maillog *line,
	   const struct ph_join_origin *origin)
{
	struct ph_track_record record = {{NULL}};

	write_groups(join, line->queue_id);
	if (origin->done)
		return;
	ph_join_row_expired(join, complete_entry(join, line->queue_id), line,
			    origin, &record);
	emit(join, &record);
}

static void
on_active(struct ph_join *join, const struct ph_maillog *line)
{
	struct ph_join_entry *entry;

	write_groups(join, line->queue_id);
	entry = complete_entry(join, line->queue_id);
	entry->active = true;
	stop_waiting(join, entry);
	replace_text(&entry->sender, line->sender);
	replace_text(&entry->size, line->size);
}

void
ph_join_line(struct ph_join *join, const struct ph_maillog *line,
	     const struct ph_join_origin *origin)
{
	struct ph_join_entry *entry;

	join->log_time = MAX(join->log_time, line->time);
	switch (line->kind) {
	case PH_MAILLOG_MESSAGE_ID:
		entry = touch_entry(join, line->queue_id);
		entry->fresh = line->time > join->started;
		replace_text(&entry->message_id, line->message_id);
		break;
	case PH_MAILLOG_NMID:
		entry = touch_entry(join, line->queue_id);
		replace_text(&entry->nmid, line->nmid);
		break;
	case PH_MAILLOG_ACTIVE:
		on_active(join, line);
		break;
	case PH_MAILLOG_HELD:
		entry = touch_entry(join, line->queue_id);
		entry->active = true;
		stop_waiting(join, entry);
		break;
	case PH_MAILLOG_SENT:
		on_sent(join, line, origin);
		break;
	case PH_MAILLOG_DEFERRED:
	case PH_MAILLOG_BOUNCED:
		on_failed(join, line, origin);
		break;
	case PH_MAILLOG_DSN:
		on_dsn(join, line, origin);
		break;
	case PH_MAILLOG_EXPIRED:
		on_expired(join, line, origin);
		break;
	case PH_MAILLOG_REMOVED:
		write_groups(join, line->queue_id);
		entry = find_entry(join, line->queue_id);
		if (entry)
			remove_entry(join, entry);
		break;
	}
}

void
ph_join_load(struct ph_join *join, GKeyFile *keys)
{
	g_auto(GStrv) ids = g_key_file_get_keys(keys, GROUP, NULL, NULL);

	for (size_t i = 0; ids && ids[i]; i++) {
		struct ph_join_entry *entry = touch_entry(join, ids[i]);

		entry->received_at =
		    g_key_file_get_int64(keys, GROUP, ids[i], NULL);
		if (entry->waiting)
			continue;
		g_queue_push_tail(&join->waiting, entry);
		entry->waiting = join->waiting.tail;
	}
}

void
ph_join_save(const struct ph_join *join, GKeyFile *keys)
{
	for (GList *l = join->waiting.head; l; l = l->next) {
		const struct ph_join_entry *entry = l->data;

		g_key_file_set_int64(keys, GROUP, entry->queue_id,
				     entry->received_at);
	}
}
