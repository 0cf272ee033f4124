#include "store/submission/state.h"

#include <string.h>

#define GROUP "item"
#define VERSION 1

static const char *const rcpt_states[] = {
    [PH_RCPT_WAITING] = "waiting",
    [PH_RCPT_TAKEN] = "taken",
    [PH_RCPT_REFUSED] = "refused",
    [PH_RCPT_REPORTED] = "reported",
};

static void
free_rcpt(void *p)
{
	struct ph_rcpt *rcpt = p;

	g_free(rcpt->address);
	g_free(rcpt->kind);
	g_free(rcpt->reply);
	g_free(rcpt);
}

struct ph_item_state *
ph_item_state_new(const char *step)
{
	struct ph_item_state *state = g_new0(struct ph_item_state, 1);

	state->step = g_strdup(step);
	state->sender = g_strdup("");
	state->reason = g_strdup("");
	state->deferred = g_strdup("");
	state->name = g_strdup("");
	state->recipients = g_ptr_array_new_with_free_func(free_rcpt);
	return state;
}

void
ph_item_state_free(struct ph_item_state **state)
{
	struct ph_item_state *p = *state;

	if (p == NULL)
		return;
	g_free(p->step);
	g_free(p->sender);
	g_free(p->reason);
	g_free(p->deferred);
	g_free(p->name);
	g_ptr_array_unref(p->recipients);
	g_free(p);
	*state = NULL;
}

void
ph_state_text(char **text, const char *value)
{
	char *copy = g_strdup(value);

	g_free(*text);
	*text = copy;
}

struct ph_rcpt *
ph_item_state_add(struct ph_item_state *state, const char *address,
		  const char *kind)
{
	struct ph_rcpt *rcpt = g_new0(struct ph_rcpt, 1);

	rcpt->address = g_strdup(address);
	rcpt->kind = g_strdup(kind);
	rcpt->reply = g_strdup("");
	g_ptr_array_add(state->recipients, rcpt);
	return rcpt;
}

static int64_t
mtime_of(const struct stat *file)
{
	return (int64_t)file->st_mtim.tv_sec * 1000000000 +
	       file->st_mtim.tv_nsec;
}

void
ph_item_state_of(struct ph_item_state *state, const struct stat *file)
{
	state->size = (uint64_t)file->st_size;
	state->mtime = mtime_of(file);
}

bool
ph_item_state_is_of(const struct ph_item_state *state, const struct stat *file)
{
	return state->size == (uint64_t)file->st_size &&
	       state->mtime == mtime_of(file);
}

size_t
ph_item_state_count(const struct ph_item_state *state, enum ph_rcpt_state which)
{
	g_autoptr(GPtrArray) list = ph_item_state_list(state, which);

	return list->len;
}

GPtrArray *
ph_item_state_list(const struct ph_item_state *state, enum ph_rcpt_state which)
{
	GPtrArray *list = g_ptr_array_new();

	for (guint i = 0; i < state->recipients->len; i++) {
		struct ph_rcpt *rcpt = state->recipients->pdata[i];

		if (rcpt->state == which)
			g_ptr_array_add(list, rcpt);
	}
	return list;
}

void
ph_item_state_refuse(struct ph_item_state *state, const char *reply)
{
	g_autoptr(GPtrArray) list = ph_item_state_list(state, PH_RCPT_WAITING);

	for (guint i = 0; i < list->len; i++) {
		struct ph_rcpt *rcpt = list->pdata[i];

		rcpt->state = PH_RCPT_REFUSED;
		ph_state_text(&rcpt->reply, reply);
	}
}

/* ---- the file ---------------------------------------------------------- */

/* What a peer or a file name may hold is not always UTF-8, as a key file must
 * be. */
static void
put(GKeyFile *file, const char *group, const char *key, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);

	if (*value != '\0')
		g_key_file_set_string(file, group, key, valid);
}

static void
put_rcpt(GKeyFile *file, guint i, const struct ph_rcpt *rcpt)
{
	g_autofree char *group = g_strdup_printf("recipient %u", i);

	put(file, group, "address", rcpt->address);
	put(file, group, "kind", rcpt->kind);
	put(file, group, "state", rcpt_states[rcpt->state]);
	put(file, group, "reply", rcpt->reply);
}

char *
ph_item_state_format(const struct ph_item_state *state)
{
	g_autoptr(GKeyFile) file = g_key_file_new();

	g_key_file_set_integer(file, GROUP, "version", VERSION);
	put(file, GROUP, "step", state->step);
	g_key_file_set_uint64(file, GROUP, "size", state->size);
	g_key_file_set_int64(file, GROUP, "mtime", state->mtime);
	g_key_file_set_uint64(file, GROUP, "id", state->id);
	put(file, GROUP, "nmid", state->nmid);
	g_key_file_set_int64(file, GROUP, "created", state->created);
	g_key_file_set_int64(file, GROUP, "due", state->due);
	g_key_file_set_int64(file, GROUP, "tries", state->tries);
	g_key_file_set_int64(file, GROUP, "reports", state->reports);
	g_key_file_set_int64(file, GROUP, "misses", state->misses);
	g_key_file_set_int64(file, GROUP, "missed", state->missed);
	put(file, GROUP, "sender", state->sender);
	put(file, GROUP, "reason", state->reason);
	put(file, GROUP, "deferred", state->deferred);
	put(file, GROUP, "name", state->name);
	g_key_file_set_integer(file, GROUP, "recipients",
			       (int)state->recipients->len);
	for (guint i = 0; i < state->recipients->len; i++)
		put_rcpt(file, i, state->recipients->pdata[i]);
	return g_key_file_to_data(file, NULL, NULL);
}

static void
get(GKeyFile *file, const char *group, const char *key, char **text)
{
	g_autofree char *value = g_key_file_get_string(file, group, key, NULL);

	if (value != NULL)
		ph_state_text(text, value);
}

static bool
get_rcpt(GKeyFile *file, guint i, struct ph_item_state *state)
{
	g_autofree char *group = g_strdup_printf("recipient %u", i);
	g_autofree char *word =
	    g_key_file_get_string(file, group, "state", NULL);
	struct ph_rcpt *rcpt = ph_item_state_add(state, "", "To");

	get(file, group, "address", &rcpt->address);
	get(file, group, "kind", &rcpt->kind);
	get(file, group, "reply", &rcpt->reply);
	for (size_t k = 0; word != NULL && k < G_N_ELEMENTS(rcpt_states); k++)
		if (strcmp(word, rcpt_states[k]) == 0) {
			rcpt->state = (enum ph_rcpt_state)k;
			return *rcpt->address != '\0';
		}
	return false;
}

static bool
get_all(GKeyFile *file, struct ph_item_state *state)
{
	g_autofree char *nmid =
	    g_key_file_get_string(file, GROUP, "nmid", NULL);
	g_autoptr(GError) error = NULL;
	int n = g_key_file_get_integer(file, GROUP, "recipients", &error);

	if (error != NULL ||
	    g_key_file_get_integer(file, GROUP, "version", NULL) != VERSION ||
	    n < 0)
		return false;
	get(file, GROUP, "step", &state->step);
	state->size = g_key_file_get_uint64(file, GROUP, "size", NULL);
	state->mtime = g_key_file_get_int64(file, GROUP, "mtime", NULL);
	state->id = g_key_file_get_uint64(file, GROUP, "id", NULL);
	state->created = g_key_file_get_int64(file, GROUP, "created", NULL);
	state->due = g_key_file_get_int64(file, GROUP, "due", NULL);
	state->tries = g_key_file_get_int64(file, GROUP, "tries", NULL);
	state->reports = g_key_file_get_int64(file, GROUP, "reports", NULL);
	state->misses = g_key_file_get_int64(file, GROUP, "misses", NULL);
	state->missed = g_key_file_get_int64(file, GROUP, "missed", NULL);
	get(file, GROUP, "sender", &state->sender);
	get(file, GROUP, "reason", &state->reason);
	get(file, GROUP, "deferred", &state->deferred);
	get(file, GROUP, "name", &state->name);
	if (nmid != NULL)
		g_strlcpy(state->nmid, nmid, sizeof(state->nmid));
	for (int i = 0; i < n; i++)
		if (!get_rcpt(file, (guint)i, state))
			return false;
	return *state->step != '\0';
}

int
ph_item_state_parse(const char *text, size_t size,
		    struct ph_item_state **state_r, struct ph_err *err)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	struct ph_item_state *state = ph_item_state_new("");

	if (g_key_file_load_from_data(file, text, size, G_KEY_FILE_NONE,
				      NULL) &&
	    get_all(file, state)) {
		*state_r = state;
		return 0;
	}
	ph_item_state_free(&state);
	return ph_err_set(err, PH_ERR_PERM, "its state is damaged");
}
