#ifndef PH_CLI_COMMAND_H
#define PH_CLI_COMMAND_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/state/redis.h"
#include "lib/state/snapshot.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The command "posthub": its verbs are rows, from which it is parsed and from
 * which its help is printed. One thread.
 */

/* Exit codes, those of sysexits.h; yes and no are answers. */
enum ph_exit {
	PH_EXIT_YES = 0,
	PH_EXIT_NO = 1,
	PH_EXIT_USAGE = 64,
	PH_EXIT_DATA = 65,
	PH_EXIT_NO_INPUT = 66,
	PH_EXIT_UNAVAILABLE = 69,
	PH_EXIT_BUG = 70,
	PH_EXIT_TEMPORARY = 75,
	PH_EXIT_PERMISSION = 77,
	PH_EXIT_CONFIG = 78,
};

struct ph_option {
	const char *name; /* "from", given as --from; NULL ends */
	/* "SERVER"; NULL: a switch. One that ends in " ..." may be given
	 * several times. */
	const char *argument;
	const char *help;
};

#define PH_OPTIONS_MAX 24

struct ph_cli;
struct ph_kind;

/* What was typed after noun and verb. */
struct ph_input {
	const struct ph_kind *kind; /* of a generic verb; else NULL */
	const char *const *words;   /* NULL-terminated */
	size_t n;
	const struct ph_option *options;    /* of the verb; NULL: none */
	const char *values[PH_OPTIONS_MAX]; /* of several the first */
	GPtrArray *lists[PH_OPTIONS_MAX];   /* of one with " ..."; NULL: none */
};

/* The value of an option, "" of a switch, NULL when not given. An option that
 * the verb does not have is a bug and aborts. */
const char *ph_input_option(const struct ph_input *input, const char *name);

/* All values, in order, of one that may be given several times; NULL: none. */
const GPtrArray *ph_input_list(const struct ph_input *input, const char *name);

/* Noun of the verbs that every kind has. */
#define PH_ANY_KIND "KIND"

struct ph_verb {
	const char *noun; /* NULL ends the table */
	const char *verb; /* NULL: the noun is the verb: "resolve ADDR" */
	const char *arguments;
	const char *help;
	const struct ph_option *options; /* NULL: none */
	size_t min, max;		 /* words */
	int (*run)(struct ph_cli *cli, const struct ph_input *input);
};

struct ph_cli {
	const struct ph_verb *verbs;
	const char *conf_path; /* NULL: not given */
	bool json;
	struct ph_conf *conf;
	struct ph_redis *redis; /* NULL until asked for */
};

/* All verbs (verbs.c), ends with noun NULL; order is that of the help and of
 * the manual page. */
extern const struct ph_verb ph_verbs[];

/* Parses, runs, cleans up: the exit code. */
int ph_cli_main(const struct ph_verb *verbs, int argc, char **argv);

/* ---- for the verbs ------------------------------------------------------ */

/* "posthub: text" on standard error; returns the status. */
int ph_cli_fail(int status, const char *format, ...) G_GNUC_PRINTF(2, 3);
void ph_cli_warn(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The same for an error: its kind gives the status. */
int ph_cli_err(const struct ph_err *err);

/* Loads the configuration that conf_path names, else the usual one, else the
 * defaults. 0 or -1. */
int ph_cli_conf(struct ph_cli *cli, struct ph_err *err);

/* Of requests that only read: one that was not answered has changed nothing, so
 * that MAYBE becomes TEMP. Answers -1; NULL is fine. */
int ph_cli_unread(struct ph_err *err);

/* The pool; 0, or -1 and a failure was printed, *status_r is the exit code. */
int ph_cli_redis(struct ph_cli *cli, int *status_r);

/*
 * What Redis holds now; when Redis is away, and local is true, the newest
 * last good copy of a daemon on this server, with a warning. 0, or -1 as
 * above.
 */
int ph_cli_snapshot(struct ph_cli *cli, bool local,
		    const struct ph_derive *derive,
		    struct ph_snapshot **snapshot_r, int *status_r);

/*
 * May this command write? Not into a Redis that has lost its state or holds
 * another organisation's, which the daemons do not follow. 0, or -1 as above.
 */
int ph_cli_may_write(struct ph_cli *cli, int *status_r);

/* Files of [server] state_dir that end so, by name; g_strfreev. */
char **ph_cli_state_files(const struct ph_cli *cli, const char *suffix);

/* The newest readable one of the daemons' last good copies; NULL: none.
 * path_r may be NULL; g_free. */
struct ph_snapshot *ph_cli_local_snapshot(const struct ph_cli *cli,
					  const struct ph_derive *derive,
					  char **path_r);

/* The key with the prefix; g_free. */
char *ph_cli_key(const struct ph_cli *cli, const char *key);

/* ---- the verbs ---------------------------------------------------------- */

typedef int ph_verb_run(struct ph_cli *cli, const struct ph_input *input);

ph_verb_run ph_kind_list, ph_kind_show, ph_kind_set, ph_kind_unset,
    ph_kind_remove;
ph_verb_run ph_rule_list, ph_rule_enable, ph_rule_disable, ph_rule_move,
    ph_rule_test, ph_rule_explain, ph_rule_stats, ph_rule_import,
    ph_rule_export, ph_rule_history, ph_rule_rollback;
ph_verb_run ph_server_drain, ph_server_resume;
ph_verb_run ph_database_show, ph_database_move;
ph_verb_run ph_recipient_list, ph_recipient_import;
ph_verb_run ph_resolve_run, ph_mailbox_run, ph_route_run, ph_map_run,
    ph_track_run, ph_report_run, ph_status_run;
ph_verb_run ph_group_expand;
ph_verb_run ph_inspect_run, ph_setup_connectors_run, ph_doctor_run;
ph_verb_run ph_dataclassification_types, ph_dataclassification_test;
ph_verb_run ph_state_show, ph_state_adopt;
ph_verb_run ph_config_show, ph_config_test;

extern const struct ph_option ph_kind_show_options[];
extern const struct ph_option ph_database_move_options[];
extern const struct ph_option ph_recipient_list_options[],
    ph_recipient_import_options[];
extern const struct ph_option ph_group_expand_options[];
extern const struct ph_option ph_inspect_options_table[];
extern const struct ph_option ph_dataclassification_test_options[];
extern const struct ph_option ph_route_options[], ph_status_options[],
    ph_setup_options[], ph_doctor_options[];
extern const struct ph_option ph_rule_move_options[], ph_rule_test_options[],
    ph_rule_explain_options[], ph_rule_import_options[],
    ph_rule_rollback_options[];
extern const struct ph_option ph_track_options_table[], ph_report_options[];

#endif
