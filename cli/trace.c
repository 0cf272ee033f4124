#include "cli/trace.h"

#include "lib/base/text.h"

#include <stdlib.h>
#include <string.h>

/* What Postfix logs is cut to the second before. */
#define BLUR_MS 1000

enum service { SUBMISSION, TRANSPORT, DELIVERY };

/* Where in a service's work on a message a row belongs. */
enum rank { OPENS, WORKS, OPENED, FORKS, ENDS };

/* The first row that fits tells what an event means; source NULL: any. */
static const struct stage {
	const char *source, *event;
	enum service service;
	enum rank rank;
	/* Which host wrote it, and, of a row that leads to another service,
	 * that it does. */
	enum ph_column here;
	bool leads;
} stages[] = {
    {"STOREDRIVER", "NOTIFYMAPI", SUBMISSION, OPENS, PH_COL_SERVER_HOSTNAME,
     false},
    {"STOREDRIVER", "RECEIVE", SUBMISSION, OPENS, PH_COL_SERVER_HOSTNAME,
     false},
    {"STOREDRIVER", "SUBMIT", SUBMISSION, ENDS, PH_COL_CLIENT_HOSTNAME, true},
    {"STOREDRIVER", "SUBMITDEFER", SUBMISSION, ENDS, PH_COL_CLIENT_HOSTNAME,
     false},
    {"STOREDRIVER", "SUBMITFAIL", SUBMISSION, ENDS, PH_COL_CLIENT_HOSTNAME,
     false},
    {"STOREDRIVER", NULL, DELIVERY, ENDS, PH_COL_SERVER_HOSTNAME, false},
    {"SMTP", "RECEIVE", TRANSPORT, OPENS, PH_COL_SERVER_HOSTNAME, false},
    {"SMTP", "SEND", TRANSPORT, ENDS, PH_COL_CLIENT_HOSTNAME, true},
    {"SMTP", NULL, TRANSPORT, ENDS, PH_COL_CLIENT_HOSTNAME, false},
    {NULL, "TRANSFER", TRANSPORT, FORKS, PH_COL_CLIENT_HOSTNAME, false},
    {NULL, "EXPAND", TRANSPORT, OPENED, PH_COL_CLIENT_HOSTNAME, false},
    {NULL, "DUPLICATEEXPAND", TRANSPORT, OPENED, PH_COL_CLIENT_HOSTNAME, false},
    {NULL, "DEFER", TRANSPORT, ENDS, PH_COL_CLIENT_HOSTNAME, false},
    {NULL, "FAIL", TRANSPORT, ENDS, PH_COL_CLIENT_HOSTNAME, false},
    {NULL, "DSN", TRANSPORT, ENDS, PH_COL_CLIENT_HOSTNAME, false},
    {NULL, NULL, TRANSPORT, WORKS, PH_COL_CLIENT_HOSTNAME, false},
};

struct visit;

struct item {
	struct ph_trace_row *row;
	const struct stage *stage;
	enum service service;
	char *here;   /* host, short and folded */
	int64_t time; /* ms */
	size_t index; /* in what was given */
	struct visit *visit;
	int64_t after; /* when it can have been, causes considered */
};

/* One service at work on one message, from RECEIVE to SEND. */
struct visit {
	enum service service;
	const char *here;	  /* borrowed from an item */
	const struct item *opens; /* NULL: its RECEIVE is not among the rows */
	GPtrArray *items;	  /* borrowed */
	const struct item *cause; /* the row of another visit; NULL: none */
	bool entered, done;
	size_t depth;
};

/* ---- rows --------------------------------------------------------------- */

struct ph_trace_row *
ph_trace_row_new(struct ph_track_record *record, const char *server)
{
	struct ph_trace_row *row = g_new0(struct ph_trace_row, 1);

	row->record = *record;
	memset(record, 0, sizeof *record);
	row->server = g_strdup(server ? server : "");
	return row;
}

void
ph_trace_row_free(void *row)
{
	struct ph_trace_row *r = row;

	if (!r)
		return;
	ph_track_clear(&r->record);
	g_free(r->server);
	g_free(r);
}

static const char *
get(const struct item *item, enum ph_column column)
{
	return ph_track_get(&item->row->record, column);
}

/* "MBX1.example.com" and "mbx1" are one host; an address is what it is. */
static char *
short_host(const char *host)
{
	char *folded = ph_fold(host);

	if (!g_hostname_is_ip_address(folded))
		folded[strcspn(folded, ".")] = '\0';
	return folded;
}

static bool
fits(const char *want, const char *is)
{
	return !want || g_ascii_strcasecmp(want, is) == 0;
}

static const struct stage *
stage_of(const struct ph_track_record *record)
{
	const struct stage *stage = stages;

	while (!fits(stage->source, ph_track_get(record, PH_COL_SOURCE)) ||
	       !fits(stage->event, ph_track_get(record, PH_COL_EVENT_ID)))
		stage++;
	return stage;
}

/* The store driver's SMTP RECEIVE is told by its connector. */
static enum service
service_of(const struct item *item)
{
	if (item->stage->service == TRANSPORT && item->stage->rank == OPENS &&
	    strstr(get(item, PH_COL_CONNECTOR_ID), "Mailbox Delivery"))
		return DELIVERY;
	return item->stage->service;
}

static struct item *
item_new(struct ph_trace_row *row, size_t index)
{
	struct item *item = g_new0(struct item, 1);
	const char *here;

	item->row = row;
	item->index = index;
	item->stage = stage_of(&row->record);
	item->service = service_of(item);
	here = get(item, item->stage->here);
	/* Some events name but one of the two. */
	if (!*here)
		here = row->server;
	if (!*here)
		here = *get(item, PH_COL_SERVER_HOSTNAME)
			   ? get(item, PH_COL_SERVER_HOSTNAME)
			   : get(item, PH_COL_CLIENT_HOSTNAME);
	item->here = short_host(here);
	if (ph_parse_date(get(item, PH_COL_DATE_TIME), &item->time, NULL) < 0)
		item->time = 0;
	item->after = item->time;
	return item;
}

static void
item_free(void *item)
{
	g_free(((struct item *)item)->here);
	g_free(item);
}

static void
visit_free(void *visit)
{
	g_ptr_array_unref(((struct visit *)visit)->items);
	g_free(visit);
}

/* ---- visits of one message ---------------------------------------------- */

static struct visit *
visit_new(GPtrArray *visits, struct item *item, bool opens)
{
	struct visit *visit = g_new0(struct visit, 1);

	visit->service = item->service;
	visit->here = item->here;
	visit->opens = opens ? item : NULL;
	visit->items = g_ptr_array_new();
	g_ptr_array_add(visit->items, item);
	item->visit = visit;
	g_ptr_array_add(visits, visit);
	return visit;
}

/* A service that has the message twice: the visit that had begun last. */
static struct visit *
visit_of(GPtrArray *visits, const struct item *item)
{
	struct visit *best = NULL;

	for (guint i = 0; i < visits->len; i++) {
		struct visit *visit = g_ptr_array_index(visits, i);

		if (visit->service != item->service ||
		    strcmp(visit->here, item->here) != 0)
			continue;
		if (!best || (visit->opens &&
			      visit->opens->time <= item->time + BLUR_MS))
			best = visit;
	}
	return best;
}

/* items by time. */
static void
make_visits(GPtrArray *items, GPtrArray *visits)
{
	for (guint i = 0; i < items->len; i++) {
		struct item *item = g_ptr_array_index(items, i);

		if (item->stage->rank == OPENS)
			visit_new(visits, item, true);
	}
	for (guint i = 0; i < items->len; i++) {
		struct item *item = g_ptr_array_index(items, i);
		struct visit *visit;

		if (item->stage->rank == OPENS)
			continue;
		visit = visit_of(visits, item);
		if (visit) {
			item->visit = visit;
			g_ptr_array_add(visit->items, item);
		} else {
			visit_new(visits, item, false);
		}
	}
}

/* ---- what led to a visit ------------------------------------------------ */

static bool
share_recipient(const struct item *a, const struct item *b)
{
	g_autofree char *left = ph_fold(get(a, PH_COL_RECIPIENT_ADDRESS));
	g_autofree char *right = ph_fold(get(b, PH_COL_RECIPIENT_ADDRESS));
	g_auto(GStrv) xs = g_strsplit(left, ";", -1);
	g_auto(GStrv) ys = g_strsplit(right, ";", -1);

	if (!*left || !*right)
		return true;
	for (char **x = xs; *x; x++) {
		if (g_strv_contains((const char *const *)ys, *x))
			return true;
	}
	return false;
}

/* Hosts by name, or, where a name is not known, by address. */
static bool
same_host(const struct item *a, const struct item *b, enum ph_column name,
	  enum ph_column address)
{
	g_autofree char *x = short_host(get(a, name));
	g_autofree char *y = short_host(get(b, name));

	if (*x && strcmp(x, y) == 0)
		return true;
	return *get(a, address) &&
	       strcmp(get(a, address), get(b, address)) == 0;
}

/* 0: did not lead there; 2 is a better proof than 1. */
static int
led_to(const struct item *sent, const struct item *received)
{
	bool inside = strcmp(sent->here, received->here) == 0;

	if (!sent->stage->leads || received->service == SUBMISSION)
		return 0;
	/* Submission speaks to Transport, Transport to others and, on its
	 * own host, to the store driver alone. */
	if (sent->service == SUBMISSION
		? received->service != TRANSPORT
		: received->service == TRANSPORT && inside)
		return 0;
	if (!same_host(sent, received, PH_COL_SERVER_HOSTNAME,
		       PH_COL_SERVER_IP) ||
	    !share_recipient(sent, received))
		return 0;
	return same_host(sent, received, PH_COL_CLIENT_HOSTNAME,
			 PH_COL_CLIENT_IP)
		   ? 2
		   : 1;
}

static void
find_cause(struct visit *visit, const GPtrArray *items)
{
	int best = 0;

	for (guint i = 0; visit->opens && i < items->len; i++) {
		const struct item *item = g_ptr_array_index(items, i);
		int proof = led_to(item, visit->opens);

		if (proof > best ||
		    (proof > 0 && proof == best &&
		     ABS(item->time - visit->opens->time) <
			 ABS(visit->cause->time - visit->opens->time))) {
			visit->cause = item;
			best = proof;
		}
	}
}

/* ---- times with causes considered --------------------------------------- */

static int
by_rank(gconstpointer a, gconstpointer b)
{
	const struct item *x = *(const struct item *const *)a;
	const struct item *y = *(const struct item *const *)b;

	return (x->stage->rank > y->stage->rank) -
	       (x->stage->rank < y->stage->rank);
}

/* No row of a service before what led to it, none of a rank before those of
 * the rank before. A ring of causes is broken where it was entered. */
static void
settle(struct visit *visit)
{
	int64_t floor = INT64_MIN, latest = INT64_MIN;
	enum rank rank = OPENS;

	if (visit->entered)
		return;
	visit->entered = true;
	if (visit->cause) {
		settle(visit->cause->visit);
		if (visit->cause->visit->done) {
			floor = visit->cause->after;
			visit->depth = visit->cause->visit->depth + 1;
		}
	}
	latest = floor;
	g_ptr_array_sort(visit->items, by_rank);
	for (guint i = 0; i < visit->items->len; i++) {
		struct item *item = g_ptr_array_index(visit->items, i);

		if (item->stage->rank != rank)
			floor = latest;
		rank = item->stage->rank;
		item->after = MAX(item->time, floor);
		latest = MAX(latest, item->after);
	}
	visit->done = true;
}

static void
order_message(GPtrArray *items, GPtrArray *visits)
{
	g_autoptr(GPtrArray) own = g_ptr_array_new();

	make_visits(items, own);
	for (guint i = 0; i < own->len; i++)
		find_cause(g_ptr_array_index(own, i), items);
	for (guint i = 0; i < own->len; i++) {
		settle(g_ptr_array_index(own, i));
		g_ptr_array_add(visits, g_ptr_array_index(own, i));
	}
}

/* ---- all messages ------------------------------------------------------- */

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

static int
by_time(gconstpointer a, gconstpointer b)
{
	const struct item *x = *(const struct item *const *)a;
	const struct item *y = *(const struct item *const *)b;

	COMPARE(x->time, y->time);
	COMPARE(x->index, y->index);
	return 0;
}

static int
by_cause(gconstpointer a, gconstpointer b)
{
	const struct item *x = *(const struct item *const *)a;
	const struct item *y = *(const struct item *const *)b;

	COMPARE(x->after, y->after);
	COMPARE(x->visit->depth, y->visit->depth);
	COMPARE(x->stage->rank, y->stage->rank);
	return by_time(a, b);
}

/* The network message id is the same on all hops; rows without any id tell
 * nothing about others. */
static char *
message_key(const struct item *item)
{
	const char *id = get(item, PH_COL_NETWORK_MESSAGE_ID);

	if (!*id)
		id = get(item, PH_COL_MESSAGE_ID);
	return *id ? ph_fold(id) : g_strdup_printf("\n%zu", item->index);
}

static GHashTable *
by_message(GPtrArray *items)
{
	GHashTable *messages = g_hash_table_new_full(
	    g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);

	for (guint i = 0; i < items->len; i++) {
		g_autofree char *key = message_key(g_ptr_array_index(items, i));
		GPtrArray *list = g_hash_table_lookup(messages, key);

		if (!list) {
			list = g_ptr_array_new();
			g_hash_table_insert(messages, g_steal_pointer(&key),
					    list);
		}
		g_ptr_array_add(list, g_ptr_array_index(items, i));
	}
	return messages;
}

void
ph_trace_sort(GPtrArray *rows)
{
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(item_free);
	g_autoptr(GPtrArray) visits =
	    g_ptr_array_new_with_free_func(visit_free);
	g_autoptr(GHashTable) messages = NULL;
	GHashTableIter iter;
	gpointer list;

	for (guint i = 0; i < rows->len; i++)
		g_ptr_array_add(items, item_new(g_ptr_array_index(rows, i), i));
	g_ptr_array_sort(items, by_time);
	messages = by_message(items);
	g_hash_table_iter_init(&iter, messages);
	while (g_hash_table_iter_next(&iter, NULL, &list))
		order_message(list, visits);
	g_ptr_array_sort(items, by_cause);
	for (guint i = 0; i < rows->len; i++)
		rows->pdata[i] =
		    ((struct item *)g_ptr_array_index(items, i))->row;
}
