#include "cli/import.h"

#include "cli/output.h"

#include <unistd.h>

/* Of each sort, without --verbose. */
#define SHOWN 20

struct note {
	char *name, *text;
	const char *file;
	size_t line;
};

static void
note_free(void *data)
{
	struct note *note = data;

	g_free(note->name);
	g_free(note->text);
	g_free(note);
}

void
ph_import_notes_init(struct ph_import *import)
{
	for (size_t i = 0; i < PH_IMPORT_NOTES; i++)
		import->notes[i] = g_ptr_array_new_with_free_func(note_free);
}

void
ph_import_notes_fini(struct ph_import *import)
{
	for (size_t i = 0; i < PH_IMPORT_NOTES; i++)
		g_ptr_array_unref(import->notes[i]);
}

void
ph_import_note(struct ph_import *import, enum ph_import_note sort,
	       const struct ph_import_file *file, size_t line, const char *name,
	       const char *text)
{
	struct note *note;

	import->counts[sort]++;
	if (import->notes[sort]->len >= SHOWN && !import->verbose &&
	    !import->cli->json)
		return;
	note = g_new0(struct note, 1);
	note->file = file->name;
	note->line = line;
	note->name = g_strdup(name);
	note->text = g_strdup(text);
	g_ptr_array_add(import->notes[sort], note);
}

void
ph_import_progress(const struct ph_import *import, bool end)
{
	if (import->cli->json || !isatty(STDERR_FILENO))
		return;
	if (end)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\r%zu recipients",
			import->added + import->changed + import->unchanged +
			    import->counts[PH_IMPORT_REJECTED]);
	fflush(stderr);
}

/* ---- the report --------------------------------------------------------- */

static const char *const titles[PH_IMPORT_NOTES] = {
    [PH_IMPORT_REJECTED] = "Rejected",
    [PH_IMPORT_SKIPPED] = "Skipped",
    [PH_IMPORT_UNRESOLVED] = "Unresolved",
};

static json_t *
notes_json(const GPtrArray *notes)
{
	json_t *array = json_array();

	for (guint i = 0; i < notes->len; i++) {
		const struct note *note = notes->pdata[i];
		json_t *json = json_object();

		json_object_set_new(json, "File", ph_json_text(note->file));
		json_object_set_new(json, "Line",
				    json_integer((json_int_t)note->line));
		ph_json_set(json, "Name", note->name);
		json_object_set_new(json, "Reason", ph_json_text(note->text));
		json_array_append_new(array, json);
	}
	return array;
}

static void
report_json(const struct ph_import *import)
{
	const struct {
		const char *name;
		size_t n;
	} counts[] = {
	    {"Added", import->added},
	    {"Changed", import->changed},
	    {"Unchanged", import->unchanged},
	    {"NoRecipients", import->others},
	};
	json_t *json = json_object();

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		json_object_set_new(json, counts[i].name,
				    json_integer((json_int_t)counts[i].n));
	for (size_t i = 0; i < PH_IMPORT_NOTES; i++)
		json_object_set_new(json, titles[i],
				    notes_json(import->notes[i]));
	json_object_set_new(json, "DryRun", json_boolean(import->dry_run));
	ph_json_print(json);
}

static void
show_notes(const struct ph_import *import, enum ph_import_note sort,
	   const char *what)
{
	const GPtrArray *notes = import->notes[sort];

	for (guint i = 0; i < notes->len; i++) {
		const struct note *note = notes->pdata[i];

		ph_cli_fail(0, "%s:%zu: %s%s%s%s", note->file, note->line, what,
			    note->name ? note->name : "",
			    note->name ? ": " : "", note->text);
	}
	if (import->counts[sort] > notes->len)
		ph_cli_fail(0, "%zu more; --verbose shows all",
			    import->counts[sort] - notes->len);
}

void
ph_import_report(const struct ph_import *import)
{
	if (import->cli->json) {
		report_json(import);
		return;
	}
	show_notes(import, PH_IMPORT_UNRESOLVED, "left out: ");
	show_notes(import, PH_IMPORT_SKIPPED, "skipped: ");
	show_notes(import, PH_IMPORT_REJECTED, "rejected: ");
	printf("%s%zu added, %zu changed, %zu unchanged, %zu rejected",
	       import->dry_run ? "nothing was written; would be: " : "",
	       import->added, import->changed, import->unchanged,
	       import->counts[PH_IMPORT_REJECTED]);
	if (import->counts[PH_IMPORT_SKIPPED] > 0)
		printf(", %zu skipped", import->counts[PH_IMPORT_SKIPPED]);
	if (import->others > 0)
		printf(", %zu no recipients", import->others);
	if (import->counts[PH_IMPORT_UNRESOLVED] > 0)
		printf(", %zu names left out",
		       import->counts[PH_IMPORT_UNRESOLVED]);
	putchar('\n');
}
