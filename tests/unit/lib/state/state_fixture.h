#ifndef STATE_FIXTURE_H
#define STATE_FIXTURE_H

#include "lib/base/text.h"
#include "lib/state/state.h"
#include "tests/unit/lib/state/redis_fixture.h"

#include <jansson.h>

/* A daemon's live state beside a private Redis, and what the tests ask it
 * again and again. */
#define ORG_A "11111111-1111-4111-8111-111111111111"
#define ORG_B "22222222-2222-4222-8222-222222222222"
#define PROGRAM "posthub-test"

G_GNUC_UNUSED static struct ph_conf *
state_conf(const struct fixture *f, const char *more)
{
	g_autofree char *text =
	    g_strdup_printf("[server]\nstate_dir = %s/state\n[redis]\n"
			    "url = unix://%s\n%s",
			    f->dir, f->socket, more);

	return fixture_conf(f, text);
}

G_GNUC_UNUSED static struct ph_state *
state_open_derived(const struct fixture *f, const char *more,
		   const struct ph_derive *derive)
{
	struct ph_conf *conf = state_conf(f, more);
	struct ph_state *state = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_state_open(conf, PROGRAM, derive, &state, &err) == 0,
		      "%s", err.text);
	ph_conf_free(&conf);
	return state;
}

G_GNUC_UNUSED static struct ph_state *
state_open(const struct fixture *f)
{
	return state_open_derived(f, "timeout = 10s\n", NULL);
}

enum {
	NO_RULE = -1,
	NO_STATE = -2,
};

G_GNUC_UNUSED static int64_t
priority(struct ph_state *state, const char *rule)
{
	struct ph_snapshot *snapshot = ph_state_take(state);
	const struct ph_object *object;
	int64_t value = NO_STATE;

	if (snapshot != NULL) {
		object = ph_snapshot_find(snapshot, "rule", rule);
		value = object != NULL ? ph_object_int(object, "Priority")
				       : NO_RULE;
	}
	ph_snapshot_unref(&snapshot);
	return value;
}

G_GNUC_UNUSED static size_t
count_rules(struct ph_state *state)
{
	struct ph_snapshot *snapshot = ph_state_take(state);
	size_t n = 0;

	if (snapshot != NULL)
		(void)ph_snapshot_list(snapshot, "rule", &n);
	ph_snapshot_unref(&snapshot);
	return n;
}

/* The error of a key: "" none, "kept: text" or "gone: text"; g_free. */
G_GNUC_UNUSED static char *
error_of(struct ph_state *state, const char *key)
{
	struct ph_snapshot *snapshot = ph_state_take(state);
	const struct ph_snapshot_error *errors;
	char *text = g_strdup("");
	size_t n;

	ck_assert_ptr_nonnull(snapshot);
	n = ph_snapshot_errors(snapshot, &errors);
	for (size_t i = 0; i < n; i++)
		if (strcmp(errors[i].key, key) == 0) {
			g_free(text);
			text = g_strconcat(errors[i].kept ? "kept: " : "gone: ",
					   errors[i].text, NULL);
		}
	ph_snapshot_unref(&snapshot);
	return text;
}

G_GNUC_UNUSED static bool
error_has(struct ph_state *state, const char *key, const char *part)
{
	g_autofree char *text = error_of(state, key);

	return *part == '\0' ? *text == '\0' : strstr(text, part) != NULL;
}

G_GNUC_UNUSED static struct ph_state_status
status_of(struct ph_state *state)
{
	struct ph_state_status status;

	ph_state_status(state, &status);
	return status;
}

G_GNUC_UNUSED static char *
organization_of(struct ph_state *state)
{
	struct ph_snapshot *snapshot = ph_state_take(state);
	char *text;

	ck_assert_ptr_nonnull(snapshot);
	text = g_strdup(ph_snapshot_organization(snapshot));
	ph_snapshot_unref(&snapshot);
	return text;
}

G_GNUC_UNUSED static void
set_rule(struct fixture *f, const char *name, int value)
{
	g_autofree char *line =
	    g_strdup_printf("HSET posthub:rule:%s Priority %d "
			    "SubjectContainsWords x PrependSubject y",
			    name, value);

	fixture_do(f, line);
}

G_GNUC_UNUSED static void
set_meta(struct fixture *f, const char *organization)
{
	g_autofree char *line = g_strdup_printf(
	    "HSET posthub:meta Organization %s Schema 1", organization);

	fixture_do(f, line);
}

/* A change that is sure to come after everything before it. */
G_GNUC_UNUSED static void
assert_follows(struct fixture *f, struct ph_state *state)
{
	static int n = 100;

	set_rule(f, "Last", ++n);
	UNIT_WAIT(priority(state, "Last") == n);
}

G_GNUC_UNUSED static json_t *
read_status(const struct fixture *f)
{
	g_autofree char *path =
	    g_build_filename(f->dir, "state", PROGRAM ".status", NULL);

	return json_load_file(path, 0, NULL);
}

G_GNUC_UNUSED static bool
status_file_is(const struct fixture *f, bool connected, bool refused,
	       size_t n_errors)
{
	json_t *root = read_status(f);
	const bool is =
	    root != NULL &&
	    json_is_true(json_object_get(root, "connected")) == connected &&
	    json_is_true(json_object_get(root, "refused")) == refused &&
	    json_array_size(json_object_get(root, "errors")) == n_errors;

	json_decref(root);
	return is;
}

#endif
