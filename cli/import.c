#include "cli/import.h"

#include "cli/kind.h"

#include <errno.h>
#include <string.h>

const struct ph_option ph_recipient_import_options[] = {
    {"format", "ldif|csv", "of the files; else their names say it"},
    {"profile", "PROFILE",
     "of LDIF: exchange, ad, openldap or freeipa; else [directory] profile"},
    {"database", "NAME",
     "of LDIF: mailbox database of those who name none; else [directory] "
     "database"},
    {"replace", NULL,
     "recipients in the files keep no field that the files do not have"},
    {"dry-run", NULL, "say what would happen, and change nothing"},
    {"verbose", NULL, "show everything that was rejected, not only the first"},
    {NULL, NULL, NULL},
};

static const struct ph_import_format formats[] = {
    {"ldif", {"ldif", "ldf", NULL}, ph_import_ldif_names, ph_import_ldif},
    {"csv", {"csv", NULL}, NULL, ph_import_csv},
};

/* ---- files -------------------------------------------------------------- */

ssize_t
ph_import_feed(const struct ph_import_file *file, void *buffer, size_t size,
	       int *status_r)
{
	const size_t n = fread(buffer, 1, size, file->file);

	if (n > 0 || !ferror(file->file))
		return (ssize_t)n;
	*status_r = ph_cli_fail(PH_EXIT_NO_INPUT, "%s: %s", file->name,
				g_strerror(errno));
	return -1;
}

static const struct ph_import_format *
find_format(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (g_ascii_strcasecmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

static const struct ph_import_format *
guess_format(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < G_N_ELEMENTS(formats); i++)
		for (const char *const *s = formats[i].suffixes; *s; s++)
			if (g_ascii_strcasecmp(*s, dot + 1) == 0)
				return &formats[i];
	return NULL;
}

/* A file without a name, for what can be read only once. */
static FILE *
copy_input(FILE *from)
{
	FILE *to = tmpfile();
	char buffer[65536];
	size_t n;

	while (to && (n = fread(buffer, 1, sizeof buffer, from)) > 0)
		if (fwrite(buffer, 1, n, to) != n)
			break;
	if (to && !feof(from)) {
		fclose(to);
		return NULL;
	}
	if (to)
		rewind(to);
	return to;
}

static int
open_file(struct ph_import_file *file)
{
	const bool input = strcmp(file->name, "-") == 0;

	file->file = input ? stdin : fopen(file->name, "re");
	if (file->file && file->format->prepare &&
	    fseeko(file->file, 0, SEEK_SET) != 0) {
		FILE *copy = copy_input(file->file);

		if (!input)
			fclose(file->file);
		file->file = copy;
	}
	return file->file ? 0
			  : ph_cli_fail(PH_EXIT_NO_INPUT, "%s: %s", file->name,
					g_strerror(errno));
}

static int
add_file(struct ph_import *import, const char *path, const char *format)
{
	struct ph_import_file file = {path, NULL, NULL};
	int status;

	file.format = format ? find_format(format) : guess_format(path);
	if (!file.format)
		return format ? ph_cli_fail(PH_EXIT_USAGE,
					    "--format %s; expected ldif or csv",
					    format)
			      : ph_cli_fail(PH_EXIT_USAGE,
					    "%s: of which format? expected a "
					    "name in .ldif or .csv, or "
					    "--format",
					    path);
	status = open_file(&file);
	if (status == 0)
		g_array_append_val(import->files, file);
	return status;
}

static int
open_files(struct ph_import *import, const struct ph_input *input)
{
	const char *format = ph_input_option(input, "format");
	int status = 0;

	for (size_t i = 0; status == 0 && i < input->n; i++)
		status = add_file(import, input->words[i], format);
	return status;
}

static void
close_files(struct ph_import *import)
{
	for (guint i = 0; i < import->files->len; i++) {
		struct ph_import_file *file =
		    &g_array_index(import->files, struct ph_import_file, i);

		if (file->file != stdin)
			fclose(file->file);
	}
	g_array_unref(import->files);
}

/* ---- options ------------------------------------------------------------ */

static int
take_profile(struct ph_import *import, const struct ph_input *input)
{
	const struct ph_conf *conf = import->cli->conf;
	const char *name = ph_input_option(input, "profile");
	const char *database = ph_input_option(input, "database");
	const struct ph_ldap_profile *profile =
	    &ph_ldap_profiles[ph_conf_word(conf, "directory", "profile")];

	for (size_t i = 0; name && ph_ldap_profiles[i].name; i++) {
		if (g_ascii_strcasecmp(ph_ldap_profiles[i].name, name) != 0)
			continue;
		profile = &ph_ldap_profiles[i];
		name = NULL;
	}
	if (name)
		return ph_cli_fail(PH_EXIT_USAGE,
				   "--profile %s; expected exchange, ad, "
				   "openldap or freeipa",
				   name);
	import->map.strict = true;
	import->map.profile = profile;
	import->map.database =
	    database ? database : ph_conf_text(conf, "directory", "database");
	import->map.database_attribute =
	    ph_conf_text(conf, "directory", "database_attribute");
	return 0;
}

/* ---- the whole ---------------------------------------------------------- */

static int
run_files(struct ph_import *import)
{
	int status = 0;

	for (guint i = 0; status == 0 && i < import->files->len; i++) {
		const struct ph_import_file *file =
		    &g_array_index(import->files, struct ph_import_file, i);

		if (!file->format->prepare)
			continue;
		status = file->format->prepare(import, file);
		rewind(file->file);
	}
	for (guint i = 0; status == 0 && i < import->files->len; i++) {
		const struct ph_import_file *file =
		    &g_array_index(import->files, struct ph_import_file, i);

		status = file->format->read(import, file);
	}
	return status == 0 ? ph_import_finish(import) : status;
}

static int
run(struct ph_import *import, const struct ph_input *input)
{
	int status = PH_EXIT_YES;

	if (ph_recipient_refused(import->cli, import->kind, &status))
		return status;
	status = take_profile(import, input);
	if (status == 0)
		status = open_files(import, input);
	if (status != 0 || ph_cli_may_write(import->cli, &status) < 0)
		return status;
	(void)ph_directory_open(import->cli->conf, &import->directory, NULL);
	status = run_files(import);
	ph_import_progress(import, true);
	/* What was written stays: the counts say how far it came. */
	ph_import_report(import);
	return status == 0 && import->counts[PH_IMPORT_REJECTED] > 0
		   ? PH_EXIT_DATA
		   : status;
}

int
ph_recipient_import(struct ph_cli *cli, const struct ph_input *input)
{
	struct ph_import import = {
	    .cli = cli,
	    .kind = ph_kind_find("recipient"),
	    .dry_run = ph_input_option(input, "dry-run") != NULL,
	    .replace = ph_input_option(input, "replace") != NULL,
	    .verbose = ph_input_option(input, "verbose") != NULL,
	    .files = g_array_new(FALSE, FALSE, sizeof(struct ph_import_file)),
	    .names = ph_import_names_new(),
	    .owners = g_hash_table_new(NULL, NULL),
	    .batch = g_ptr_array_new_with_free_func(ph_import_record_free),
	    .later = g_ptr_array_new_with_free_func(ph_import_record_free),
	};
	int status;

	ph_import_notes_init(&import);
	status = run(&import, input);
	ph_import_notes_fini(&import);
	ph_directory_close(&import.directory);
	g_ptr_array_unref(import.batch);
	g_ptr_array_unref(import.later);
	g_hash_table_destroy(import.owners);
	g_hash_table_destroy(import.names);
	close_files(&import);
	return status;
}
