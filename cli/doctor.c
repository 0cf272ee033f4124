#include "cli/doctor.h"

#include "cli/command.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "lib/base/file.h"
#include "lib/base/stream.h"
#include "lib/routing/setup.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * posthub doctor: what of this Postfix, and around it, is not as posthub needs
 * it. It changes nothing.
 */
const struct ph_option ph_doctor_options[] = {
    {"files", "DIRECTORY",
     "compare with main.cf and master.cf there, not with those that posthub "
     "comes with"},
    {NULL, NULL, NULL},
};

enum {
	CONNECT_MS = 3000,
	GROUPS = 256, /* of a user */
};

/* The sockets that main.cf names, and whose they are. */
static const struct {
	const char *socket, *daemon;
} sockets[] = {
    {"map.sock", "policy"},
    {"policy.sock", "policy"},
    {"transport.sock", "transport"},
    {"frontend.sock", "frontend"},
};

struct run {
	struct ph_cli *cli;
	const struct ph_conf *conf;
	const char *directory; /* of Postfix's configuration */
	const struct ph_postfix_role *role;
	char *files; /* what it is compared with */
	GPtrArray *symptoms;
};

/* ---- symptoms ------------------------------------------------------------ */

static void
free_symptom(void *data)
{
	struct ph_symptom *symptom = data;

	g_free(symptom->where);
	g_free(symptom->name);
	g_free(symptom->is);
	g_free(symptom->wanted);
	g_free(symptom->remedy);
	g_free(symptom);
}

GPtrArray *
ph_symptoms_new(void)
{
	return g_ptr_array_new_with_free_func(free_symptom);
}

static char *
copy(const char *text)
{
	return g_strdup(text != NULL ? text : "");
}

void
ph_symptoms_add(GPtrArray *symptoms, bool wrong, const char *where,
		const char *name, const char *is, const char *wanted,
		const char *remedy)
{
	struct ph_symptom *symptom = g_new0(struct ph_symptom, 1);

	symptom->wrong = wrong;
	symptom->where = copy(where);
	symptom->name = copy(name);
	symptom->is = copy(is);
	symptom->wanted = copy(wanted);
	symptom->remedy = copy(remedy);
	g_ptr_array_add(symptoms, symptom);
}

/* ---- main.cf ------------------------------------------------------------- */

static void
check_setting(struct run *run, const char *name, const char *is,
	      const char *wanted)
{
	enum ph_doctor_answer answer = ph_doctor_compare(name, is, wanted);
	g_autofree char *text = NULL, *quoted = NULL, *remedy = NULL;

	if (answer == PH_DOCTOR_WELL)
		return;
	text = g_strdup_printf("%s=%s", name, wanted);
	quoted = g_shell_quote(text);
	remedy = g_strconcat(PH_DOCTOR_POSTCONF, "-e ", quoted, NULL);
	ph_symptoms_add(run->symptoms, answer == PH_DOCTOR_WRONG, "main.cf",
			name, is, wanted, remedy);
}

static int
check_main(struct run *run, struct ph_err *err)
{
	g_autoptr(GHashTable) wanted = NULL, is = NULL;
	g_autoptr(GList) names = NULL;

	if (ph_postfix_settings(run->files, true, &wanted, err) < 0 ||
	    ph_postfix_settings(run->directory, false, &is, err) < 0)
		return -1;
	names = g_list_sort(g_hash_table_get_keys(wanted),
			    (GCompareFunc)(void (*)(void))strcmp);
	for (const GList *l = names; l != NULL; l = l->next)
		if (strcmp(l->data, "config_directory") != 0)
			check_setting(run, l->data,
				      g_hash_table_lookup(is, l->data),
				      g_hash_table_lookup(wanted, l->data));
	return 0;
}

/* ---- master.cf ----------------------------------------------------------- */

/* The file of a directory; -1 TEMP. */
static int
read_text(const char *directory, const char *name, char **text_r,
	  struct ph_err *err)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	g_autoptr(GError) error = NULL;

	if (g_file_get_contents(path, text_r, NULL, &error))
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
}

static int
check_master(struct run *run, struct ph_err *err)
{
	g_autofree char *is = NULL, *wanted = NULL, *file = NULL;
	struct ph_master *has = NULL, *wants = NULL;
	int r = -1;

	if (read_text(run->directory, "master.cf", &is, err) == 0 &&
	    read_text(run->files, "master.cf", &wanted, err) == 0 &&
	    ph_master_parse_whole(is, &has, err) == 0 &&
	    ph_master_parse(wanted, &wants, err) == 0)
		r = 0;
	file = g_build_filename(run->files, "master.cf", NULL);
	if (r == 0)
		ph_doctor_services(has, wants, ph_doctor_mark(wanted), file,
				   run->symptoms);
	ph_master_free(&has);
	ph_master_free(&wants);
	return r;
}

/* ---- tables -------------------------------------------------------------- */

static void
check_table(struct run *run, const char *name)
{
	g_autofree char *is = NULL, *wanted = NULL, *remedy = NULL;

	if (read_text(run->files, name, &wanted, NULL) < 0)
		return;
	(void)read_text(run->directory, name, &is, NULL);
	if (g_strcmp0(is, wanted) == 0)
		return;
	remedy =
	    g_strdup_printf("cp %s/%s %s/", run->files, name, run->directory);
	ph_symptoms_add(run->symptoms, is == NULL, name, "",
			is == NULL ? "" : "another one", "as it comes", remedy);
}

static int
check_tables(struct run *run, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	GDir *dir = g_dir_open(run->files, 0, &error);
	const char *name;

	if (dir == NULL)
		return ph_err_set(err, PH_ERR_TEMP, "%s", error->message);
	while ((name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_suffix(name, "_checks"))
			check_table(run, name);
	g_dir_close(dir);
	return 0;
}

/* ---- sockets ------------------------------------------------------------- */

/* Postfix enters by its group, nobody else does. */
static void
check_directory(struct run *run, const char *path)
{
	const char *group = ph_conf_text(run->conf, "server", "socket_group");
	const struct group *entry = getgrnam(group);
	g_autofree char *remedy = NULL;
	struct stat status;
	const char *is = "not there";

	if (stat(path, &status) == 0) {
		if (S_ISDIR(status.st_mode) && (status.st_mode & S_IXGRP) &&
		    entry != NULL && status.st_gid == entry->gr_gid)
			return;
		is = "nothing that Postfix's group may enter";
	}
	remedy = g_strdup_printf("install -d -o %s -g %s -m 2750 %s",
				 ph_conf_text(run->conf, "server", "user"),
				 group, path);
	ph_symptoms_add(run->symptoms, true, path, "", is,
			"a directory of that group", remedy);
}

static void
check_socket(struct run *run, const char *path, const char *daemon)
{
	struct ph_endpoint endpoint = {.unix_socket = true};
	struct ph_stream *stream = NULL;
	g_autofree char *remedy = NULL;
	struct ph_err err = PH_ERR_INIT;

	g_strlcpy(endpoint.host, path, sizeof(endpoint.host));
	if (ph_stream_connect(&endpoint, NULL, CONNECT_MS, &stream, &err) ==
	    0) {
		ph_stream_free(&stream);
		return;
	}
	remedy = g_strdup_printf("start posthub-%s: systemctl enable --now "
				 "posthub@%s",
				 daemon, daemon);
	ph_symptoms_add(run->symptoms, true, path, "", err.text,
			"somebody answers", remedy);
}

static int
check_sockets(struct run *run, struct ph_err *err)
{
	g_autofree char *queue = NULL, *directory = NULL, *text = NULL;

	if (ph_postfix_value(run->directory, "queue_directory", &queue, err) <
		0 ||
	    read_text(run->files, "main.cf", &text, err) < 0)
		return -1;
	directory = g_build_filename(queue, "posthub", NULL);
	check_directory(run, directory);
	for (size_t i = 0; i < G_N_ELEMENTS(sockets); i++) {
		g_autofree char *path =
		    g_build_filename(directory, sockets[i].socket, NULL);
		g_autofree char *named =
		    g_strconcat("unix:posthub/", sockets[i].socket, NULL);

		if (strstr(text, named) != NULL)
			check_socket(run, path, sockets[i].daemon);
	}
	return 0;
}

/* ---- the way back in ----------------------------------------------------- */

static bool
is_member(const struct passwd *user, gid_t group)
{
	gid_t groups[GROUPS];
	int n = GROUPS;

	if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
		return true; /* in too many to be told */
	for (int i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool
may_enter(const struct passwd *user, const struct stat *directory)
{
	mode_t bit = user->pw_uid == directory->st_uid	  ? S_IXUSR
		     : is_member(user, directory->st_gid) ? S_IXGRP
							  : S_IXOTH;

	return user->pw_uid == 0 || (directory->st_mode & bit) != 0;
}

/* What a Transport server hands in again goes by sockets below public/. */
static int
check_public(struct run *run, struct ph_err *err)
{
	const char *name = ph_conf_text(run->conf, "server", "user");
	const struct passwd *user = *name != '\0' ? getpwnam(name) : NULL;
	g_autofree char *queue = NULL, *public = NULL, *group = NULL;
	g_autofree char *remedy = NULL;
	struct stat status;

	if (ph_postfix_value(run->directory, "queue_directory", &queue, err) <
		0 ||
	    ph_postfix_value(run->directory, "setgid_group", &group, err) < 0)
		return -1;
	public = g_build_filename(queue, "public", NULL);
	if (!run->role->hands_in || user == NULL || stat(public, &status) < 0 ||
	    may_enter(user, &status))
		return 0;
	remedy = g_strdup_printf("usermod -a -G %s %s", group, name);
	ph_symptoms_add(run->symptoms, true, public, "",
			"nothing that posthub may enter",
			"open to members of its group", remedy);
	return 0;
}

/* ---- connectors ---------------------------------------------------------- */

static void
add_pending(struct run *run, const struct ph_snapshot *snapshot)
{
	const struct ph_server *server =
	    ph_topology_server(ph_snapshot_derived(snapshot, 0),
			       ph_conf_text(run->conf, "server", "name"));
	g_autoptr(GPtrArray) pending =
	    server != NULL ? ph_setup_pending(snapshot, server) : NULL;

	for (guint i = 0; pending != NULL && i < pending->len; i++) {
		const struct ph_setup_pending *one = pending->pdata[i];

		ph_symptoms_add(run->symptoms, true, "master.cf",
				one->connector, one->change, "in force",
				"posthub setup connectors --apply");
	}
}

/* Without Redis as the daemons here know them. */
static void
check_connectors(struct run *run)
{
	struct ph_snapshot *snapshot = NULL;
	int status;

	if (ph_cli_snapshot(run->cli, true, ph_topology_derive, &snapshot,
			    &status) == 0)
		add_pending(run, snapshot);
	ph_snapshot_unref(&snapshot);
}

/* ---- another instance ---------------------------------------------------- */

/* postconf(1) must be told which one. */
static void
name_instance(struct run *run)
{
	const size_t n = strlen(PH_DOCTOR_POSTCONF);

	if (strcmp(run->directory, "/etc/postfix") == 0)
		return;
	for (guint i = 0; i < run->symptoms->len; i++) {
		struct ph_symptom *s = run->symptoms->pdata[i];
		char *old = s->remedy;

		if (!g_str_has_prefix(old, PH_DOCTOR_POSTCONF))
			continue;
		s->remedy = g_strdup_printf(PH_DOCTOR_POSTCONF "-c %s %s",
					    run->directory, old + n);
		g_free(old);
	}
}

/* ---- what is said -------------------------------------------------------- */

static void
print(const char *name, const char *value)
{
	g_autofree char *clean = ph_text_clean(value);

	printf("    %-8s%s\n", name, *clean != '\0' ? clean : "nothing");
}

static void
show_text(const GPtrArray *symptoms)
{
	for (guint i = 0; i < symptoms->len; i++) {
		const struct ph_symptom *s = symptoms->pdata[i];

		printf("%s  %s%s%s\n", s->wrong ? "wrong" : "other", s->where,
		       *s->name != '\0' ? ": " : "", s->name);
		print("is", s->is);
		print("comes", s->wanted);
		print("remedy", s->remedy);
	}
	if (symptoms->len == 0)
		puts("Postfix is wired as posthub comes.");
}

static void
show_json(const GPtrArray *symptoms)
{
	json_t *all = json_array();

	for (guint i = 0; i < symptoms->len; i++) {
		const struct ph_symptom *s = symptoms->pdata[i];
		json_t *one = json_object();

		json_object_set_new(one, "Wrong", json_boolean(s->wrong));
		ph_json_set(one, "Where", s->where);
		ph_json_set(one, "Name", s->name);
		ph_json_set(one, "Is", s->is);
		ph_json_set(one, "Comes", s->wanted);
		ph_json_set(one, "Remedy", s->remedy);
		json_array_append_new(all, one);
	}
	ph_json_print(all);
}

static bool
any_wrong(const GPtrArray *symptoms)
{
	for (guint i = 0; i < symptoms->len; i++) {
		const struct ph_symptom *s = symptoms->pdata[i];

		if (s->wrong)
			return true;
	}
	return false;
}

/* ---- the verb ------------------------------------------------------------ */

/* As told, or by the milter. */
static int
find_role(struct run *run, const char *told, struct ph_err *err)
{
	const struct ph_postfix_role *role = ph_postfix_roles;

	if (told == NULL)
		return ph_postfix_role(run->directory, &run->role, err);
	while (role->name != NULL && strcmp(role->name, told) != 0)
		role++;
	if (role->name == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "\"%s\" is no role: frontend or transport",
				  told);
	run->role = role;
	return 0;
}

static int
examine(struct run *run, const char *files, struct ph_err *err)
{
	g_autofree char *share = ph_file_share("postfix-conf");

	run->files = files != NULL
			 ? g_strdup(files)
			 : g_build_filename(share, run->role->name, NULL);
	check_connectors(run);
	return check_main(run, err) < 0 || check_master(run, err) < 0 ||
		       check_tables(run, err) < 0 ||
		       check_sockets(run, err) < 0 || check_public(run, err) < 0
		   ? -1
		   : 0;
}

int
ph_doctor_run(struct ph_cli *cli, const struct ph_input *input)
{
	struct run run = {
	    .cli = cli,
	    .conf = cli->conf,
	    .directory = ph_conf_text(cli->conf, "server", "postfix"),
	    .role = ph_postfix_roles,
	    .symptoms = ph_symptoms_new(),
	};
	struct ph_err err = PH_ERR_INIT;
	int status;

	if (find_role(&run, input->n > 0 ? input->words[0] : NULL, &err) < 0 ||
	    examine(&run, ph_input_option(input, "files"), &err) < 0) {
		status = ph_cli_err(&err);
	} else {
		name_instance(&run);
		(cli->json ? show_json : show_text)(run.symptoms);
		status = any_wrong(run.symptoms) ? PH_EXIT_NO : PH_EXIT_YES;
	}
	g_ptr_array_unref(run.symptoms);
	g_free(run.files);
	return status;
}
