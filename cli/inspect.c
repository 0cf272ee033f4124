#include "cli/command.h"

#include "cli/classify.h"
#include "cli/message.h"
#include "cli/output.h"
#include "lib/inspect/inspector.h"
#include "lib/inspect/sandbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct ph_option ph_inspect_options_table[] = {
    {"text", NULL, "the text of each file as well"},
    {NULL, NULL, NULL},
};

/* A part, or a file in one, and what is in that. */
struct node {
	char *name;
	const char *declared, *type;
	uint64_t size;
	char *flags;
	const char *note, *text;
	size_t text_size;
	const struct ph_walked *walked; /* NULL: nobody has opened it */
	GPtrArray *files;		/* struct node */
};

static void
node_free(void *data)
{
	struct node *node = data;

	g_free(node->name);
	g_free(node->flags);
	g_ptr_array_unref(node->files);
	g_free(node);
}

static struct node *
node_new(const char *name)
{
	struct node *node = g_new0(struct node, 1);

	node->name = g_strdup(*name != '\0' ? name : "(no name)");
	node->flags = g_strdup("");
	node->files = g_ptr_array_new_with_free_func(node_free);
	node->declared = node->type = node->note = "";
	return node;
}

/* ---- the tree ------------------------------------------------------------ */

static void
fill(struct node *node, const struct ph_walked *walked)
{
	node->walked = walked;
	node->declared = walked->declared;
	node->type = walked->type;
	node->size = walked->size;
	node->note = walked->note;
	node->text = walked->text;
	node->text_size = walked->text_size;
	g_free(node->flags);
	node->flags = ph_walked_flag_names(walked->flags);
}

/* A file follows what is in it: whatever is deeper and has no parent yet is
 * its. */
static void
hang(struct node *part, const struct ph_inspected *result)
{
	g_autoptr(GPtrArray) open = g_ptr_array_new();

	for (guint i = 0; i < result->files->len; i++) {
		const struct ph_walked *walked = result->files->pdata[i];
		struct node *node =
		    walked->depth == 0 ? part : node_new(walked->name);
		guint first = open->len;

		fill(node, walked);
		while (first > 0 &&
		       ((struct node *)open->pdata[first - 1])->walked->depth >
			   walked->depth)
			first--;
		for (guint j = first; j < open->len; j++)
			g_ptr_array_add(node->files, open->pdata[j]);
		g_ptr_array_set_size(open, (gint)first);
		if (node != part)
			g_ptr_array_add(open, node);
	}
	for (guint j = 0; j < open->len; j++)
		g_ptr_array_add(part->files, open->pdata[j]);
}

static void
fill_part(struct node *node, const struct ph_part *part,
	  const struct ph_inspected *result)
{
	node->declared = part->type;
	node->size = part->size;
	if (result == NULL)
		return;
	hang(node, result);
	if (result->state == PH_INSPECTED_DONE)
		return;
	node->note = result->why;
	g_free(node->flags);
	node->flags = g_strdup(
	    result->state == PH_INSPECTED_LOST ? "limit" : "not inspected");
}

static struct node *
make_part(const struct ph_part *part, const struct ph_inspected *result,
	  GPtrArray *texts)
{
	g_autofree char *name =
	    *part->name != '\0'
		? g_strdup_printf("%s %s", part->path, part->name)
		: g_strdup(part->path);
	struct node *node = node_new(name);
	char *text;

	fill_part(node, part, result);
	if (result == NULL &&
	    ph_content_part_text(part, &text, &node->text_size) == 1) {
		node->type = part->type;
		node->text = text;
		g_ptr_array_add(texts, text);
	}
	return node;
}

/* ---- output -------------------------------------------------------------- */

static const char *const columns[] = {"part", "declared", "type", "size",
				      "text", "flags",	  "note", NULL};

static void
add_rows(struct ph_table *table, const struct node *node, const char *above)
{
	g_autofree char *size = g_strdup_printf("%" PRIu64, node->size);
	g_autofree char *text_size =
	    node->text != NULL ? g_strdup_printf("%zu", node->text_size) : NULL;
	g_autofree char *clean = ph_text_clean(node->name);
	g_autofree char *name = g_strconcat(above, clean, NULL);
	g_autofree char *below = g_strconcat(name, "/", NULL);
	const char *const values[] = {
	    name,      node->declared, node->type, size,
	    text_size, node->flags,    node->note,
	};

	ph_table_add(table, values);
	for (guint i = 0; i < node->files->len; i++)
		add_rows(table, node->files->pdata[i], below);
}

static void
print_texts(const struct node *node)
{
	if (node->text != NULL && node->text_size > 0) {
		g_autofree char *name = ph_text_clean(node->name);
		g_auto(GStrv) lines = g_strsplit(node->text, "\n", -1);

		printf("\n--- %s ---\n", name);
		for (char **line = lines; *line != NULL; line++) {
			g_autofree char *clean = ph_text_clean(*line);

			puts(clean);
		}
	}
	for (guint i = 0; i < node->files->len; i++)
		print_texts(node->files->pdata[i]);
}

static json_t *
sha256_json(const struct ph_walked *walked)
{
	char hex[2 * PH_SHA256 + 1];

	for (size_t i = 0; i < PH_SHA256; i++)
		g_snprintf(hex + 2 * i, 3, "%02x", walked->sha256[i]);
	return json_string(hex);
}

static json_t *
properties_json(const GArray *properties)
{
	json_t *all = json_array();

	for (guint i = 0; i < properties->len; i++) {
		const struct ph_walked_property *p =
		    &g_array_index(properties, struct ph_walked_property, i);
		json_t *one = json_object();

		ph_json_set(one, "name", p->name);
		ph_json_set(one, "value", p->value);
		json_array_append_new(all, one);
	}
	return all;
}

static json_t *
flags_json(const char *flags)
{
	g_auto(GStrv) words = g_strsplit(flags, ", ", -1);
	json_t *all = json_array();

	for (char **word = words; *word != NULL && **word != '\0'; word++)
		json_array_append_new(all, ph_json_text(*word));
	return all;
}

static json_t *
node_json(const struct node *node, bool text)
{
	json_t *object = json_object();
	json_t *files = json_array();

	ph_json_set(object, "name", node->name);
	if (node->walked != NULL)
		ph_json_set(object, "path", node->walked->path);
	ph_json_set(object, "declared", node->declared);
	ph_json_set(object, "type", node->type);
	json_object_set_new(object, "size",
			    json_integer((json_int_t)node->size));
	if (node->walked != NULL &&
	    (node->walked->flags & PH_WALKED_UNREAD) == 0)
		json_object_set_new(object, "sha256",
				    sha256_json(node->walked));
	json_object_set_new(object, "flags", flags_json(node->flags));
	ph_json_set(object, "note", node->note);
	if (node->text != NULL)
		json_object_set_new(object, "text_size",
				    json_integer((json_int_t)node->text_size));
	if (node->text != NULL && text)
		ph_json_set(object, "text", node->text);
	if (node->walked != NULL)
		json_object_set_new(object, "properties",
				    properties_json(node->walked->properties));
	for (guint i = 0; i < node->files->len; i++)
		json_array_append_new(files,
				      node_json(node->files->pdata[i], text));
	json_object_set_new(object, "files", files);
	return object;
}

/* ---- the verb ------------------------------------------------------------ */

/* Of all messages: workers and types are made ready once. */
struct session {
	struct ph_cli *cli;
	bool text, several;
	struct ph_inspector *inspector;	  /* NULL: nobody has asked yet */
	struct ph_classifier *classifier; /* the same, or there is none */
	bool opened;			  /* whether it was tried */
	int no_classifier;		  /* exit code */
	json_t *all;			  /* of several messages */
};

struct inspection {
	struct ph_content *content;
	struct ph_inspected *results;
	uint32_t n;
	GPtrArray *parts; /* struct node */
	GPtrArray *texts; /* of bodies */
	/* Sensitive information, of types that are the classifier's, and the
	 * texts it is in; NULL: not known. */
	GPtrArray *found;
	GArray *searched;
};

static void
look(struct session *session, struct inspection *in)
{
	struct ph_inspector_options options;
	size_t n;
	const struct ph_part *parts = ph_content_parts(in->content, &n);
	uint32_t at = 0;

	if (session->inspector == NULL) {
		ph_inspector_options_read(session->cli->conf, &options);
		session->inspector = ph_inspector_start(&options);
	}
	in->results =
	    ph_inspector_run_content(session->inspector, in->content, &in->n);
	for (size_t i = 0; i < n; i++) {
		const struct ph_inspected *result =
		    parts[i].attachment ? &in->results[at++] : NULL;

		g_ptr_array_add(in->parts,
				make_part(&parts[i], result, in->texts));
	}
}

/* What a rule would find; 0, or the exit code after saying why not. */
static int
classify(struct session *session, struct ph_mail *mail, struct inspection *in)
{
	struct ph_inspection *files;
	struct ph_err err = PH_ERR_INIT;
	int status = PH_EXIT_YES;

	if (!session->opened)
		session->no_classifier = ph_classifier_open_anyway(
		    session->cli, &session->classifier);
	session->opened = true;
	if (session->classifier == NULL)
		return session->no_classifier;
	files = ph_inspect_answered(in->results, in->content);
	if (ph_classify_message(session->classifier, files, in->content,
				mail->headers, &in->searched, &in->found,
				&err) < 0) {
		ph_cli_warn("sensitive information: %s", err.text);
		if (err.kind == PH_ERR_TEMP)
			status = PH_EXIT_TEMPORARY;
	}
	ph_inspect_free(&files);
	return status;
}

static const struct ph_classify_text *
searched_texts(const struct inspection *in)
{
	return (const struct ph_classify_text *)(const void *)
	    in->searched->data;
}

static json_t *
inspection_json(const struct inspection *in, const char *file, bool text)
{
	json_t *object = json_object();
	json_t *parts = json_array();
	const char *reason = NULL;

	ph_json_set(object, "file", file);
	for (guint i = 0; i < in->parts->len; i++)
		json_array_append_new(parts,
				      node_json(in->parts->pdata[i], text));
	json_object_set_new(object, "parts", parts);
	json_object_set_new(object, "truncated",
			    json_boolean(ph_content_truncated(in->content)));
	if (ph_content_suspicious(in->content, &reason))
		ph_json_set(object, "suspicious", reason);
	if (in->found != NULL)
		json_object_set_new(
		    object, "findings",
		    ph_classified_json(in->found, searched_texts(in)));
	return object;
}

static void
print_tree(const struct inspection *in, bool text)
{
	struct ph_table *table = ph_table_new(columns);
	const char *reason = NULL;

	for (guint i = 0; i < in->parts->len; i++)
		add_rows(table, in->parts->pdata[i], "");
	ph_table_print(table);
	ph_table_free(&table);
	if (ph_content_truncated(in->content))
		puts("The message is too deep, has too many parts or too much "
		     "text: it was not read to its end.");
	if (ph_content_suspicious(in->content, &reason))
		printf("Readers may see different things: %s.\n", reason);
	if (in->found != NULL && in->found->len > 0) {
		puts("");
		ph_classified_print(in->found, searched_texts(in));
	}
	for (guint i = 0; text && i < in->parts->len; i++)
		print_texts(in->parts->pdata[i]);
}

/* 75 if somebody should ask again. */
static int
status_of(const struct inspection *in)
{
	for (uint32_t i = 0; i < in->n; i++)
		if (in->results[i].state == PH_INSPECTED_NOT)
			return PH_EXIT_TEMPORARY;
	return PH_EXIT_YES;
}

static void
show(struct session *session, const struct inspection *in, const char *file)
{
	if (session->cli->json) {
		json_array_append_new(session->all,
				      inspection_json(in, file, session->text));
		return;
	}
	if (session->several)
		printf("==> %s <==\n", file);
	print_tree(in, session->text);
}

static int
inspect_mail(struct session *session, const char *file, struct ph_mail *mail)
{
	struct inspection in = {
	    .content = ph_mail_content(mail),
	    .parts = g_ptr_array_new_with_free_func(node_free),
	    .texts = g_ptr_array_new_with_free_func(g_free),
	};
	int status;

	look(session, &in);
	status = classify(session, mail, &in);
	show(session, &in, file);
	if (status == PH_EXIT_YES)
		status = status_of(&in);
	if (in.found != NULL)
		g_ptr_array_unref(in.found);
	if (in.searched != NULL)
		g_array_unref(in.searched);
	g_ptr_array_unref(in.parts);
	g_ptr_array_unref(in.texts);
	if (in.results != NULL)
		ph_inspected_free(in.results, in.n);
	return status;
}

static int
inspect_file(struct session *session, const char *file)
{
	static const struct ph_client client = {
	    .name = (char *)"", .address = (char *)"", .helo = (char *)""};
	g_autoptr(GByteArray) message = NULL;
	struct ph_err err = PH_ERR_INIT;
	struct ph_mail *mail;
	int status = ph_message_read(file, &message);

	if (status != PH_EXIT_YES)
		return status;
	mail = ph_mail_new(&client, "");
	if (ph_message_parse(message->data, message->len, mail, &err) < 0)
		status = ph_cli_fail(PH_EXIT_DATA, "%s: %s", file, err.text);
	g_clear_pointer(&message, g_byte_array_unref);
	if (status == PH_EXIT_YES)
		status = inspect_mail(session, file, mail);
	ph_mail_free(&mail);
	return status;
}

int
ph_inspect_run(struct ph_cli *cli, const struct ph_input *input)
{
	struct session session = {
	    .cli = cli,
	    .text = ph_input_option(input, "text") != NULL,
	    .several = input->n > 1,
	    .all = json_array(),
	};
	int status = PH_EXIT_YES;

	for (size_t i = 0; i < input->n; i++) {
		int one = inspect_file(&session, input->words[i]);

		status = MAX(status, one);
	}
	if (cli->json && session.several)
		ph_json_print(json_incref(session.all));
	else if (cli->json && json_array_size(session.all) > 0)
		ph_json_print(json_incref(json_array_get(session.all, 0)));
	json_decref(session.all);
	ph_classifier_unref(&session.classifier);
	ph_inspector_stop(&session.inspector);
	return status;
}
