#include "cli/cmdlet.h"

#include <stdbool.h>
#include <string.h>

/* What is read, and where. */
struct reader {
	const char *start, *at;
	struct ph_err *err;
};

static void
free_parameter(gpointer p)
{
	struct ph_cmdlet_parameter *parameter = p;

	g_free(parameter->name);
	g_strfreev(parameter->texts);
	g_free(parameter);
}

void
ph_cmdlet_free(struct ph_cmdlet **cmdlet)
{
	struct ph_cmdlet *p = *cmdlet;

	if (!p)
		return;
	*cmdlet = NULL;
	g_ptr_array_unref(p->parameters);
	g_free(p->name);
	g_free(p);
}

static int
fail(const struct reader *reader, const char *what)
{
	return ph_err_set(
	    reader->err, PH_ERR_PERM, "at character %ld: %s",
	    g_utf8_pointer_to_offset(reader->start, reader->at) + 1, what);
}

/* A line goes on after a backtick. */
static void
skip_blanks(struct reader *reader)
{
	while (g_ascii_isspace(*reader->at) ||
	       (*reader->at == '`' && g_ascii_isspace(reader->at[1])))
		reader->at++;
}

/* ---- texts -------------------------------------------------------------- */

static char
unescape(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

/* From the quote on; a quote is doubled, and in double quotes there are
 * backticks. */
static int
read_quoted(struct reader *reader, GString *out)
{
	const char quote = *reader->at++;

	for (; *reader->at; reader->at++) {
		const char c = *reader->at;

		if (c == quote && reader->at[1] != quote) {
			reader->at++;
			return 0;
		}
		if (c == '$' && quote == '"')
			return fail(reader, "a variable is not known here");
		if (c == quote) {
			reader->at++;
			g_string_append_c(out, c);
		} else if (c == '`' && quote == '"' && reader->at[1]) {
			g_string_append_c(out, unescape(*++reader->at));
		} else {
			g_string_append_c(out, c);
		}
	}
	return fail(reader, "a quote is not closed");
}

/* "@{Name='x'; minCount='2'}" stays one text, without the quotes in it. */
static int
read_table(struct reader *reader, GString *out)
{
	while (*reader->at && *reader->at != '}') {
		if (*reader->at == '\'' || *reader->at == '"') {
			if (read_quoted(reader, out) < 0)
				return -1;
			continue;
		}
		g_string_append_c(out, *reader->at++);
	}
	if (!*reader->at)
		return fail(reader, "a brace is not closed");
	g_string_append_c(out, *reader->at++);
	return 0;
}

static void
read_bare(struct reader *reader, GString *out)
{
	while (*reader->at && !g_ascii_isspace(*reader->at) &&
	       !strchr(",();", *reader->at))
		g_string_append_c(out, *reader->at++);
}

/* 1: a text in out; 0: $null, which is none; -1. */
static int
read_variable(struct reader *reader, GString *out)
{
	static const char *const known[] = {"$true", "$false"};

	read_bare(reader, out);
	if (g_ascii_strcasecmp(out->str, "$null") == 0)
		return 0;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		if (g_ascii_strcasecmp(out->str, known[i]) != 0)
			continue;
		g_string_assign(out, known[i] + 1);
		return 1;
	}
	return fail(reader, "a variable is not known here");
}

static int
read_text(struct reader *reader, GPtrArray *texts)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int r = 1;

	if (*reader->at == '\'' || *reader->at == '"')
		r = read_quoted(reader, out) < 0 ? -1 : 1;
	else if (g_str_has_prefix(reader->at, "@{"))
		r = read_table(reader, out) < 0 ? -1 : 1;
	else if (*reader->at == '$')
		r = read_variable(reader, out);
	else
		read_bare(reader, out);
	if (r == 1)
		g_ptr_array_add(texts, g_strdup(out->str));
	return r < 0 ? -1 : 0;
}

/* One, or several with commas; "@(...)" and "(...)" hold the same. */
static int
read_texts(struct reader *reader, GPtrArray *texts)
{
	const bool open =
	    *reader->at == '(' || g_str_has_prefix(reader->at, "@(");

	if (open)
		reader->at += *reader->at == '@' ? 2 : 1;
	for (;;) {
		skip_blanks(reader);
		if (open && *reader->at == ')')
			break;
		if (!*reader->at)
			return fail(reader, "a value is missing");
		if (read_text(reader, texts) < 0)
			return -1;
		skip_blanks(reader);
		if (*reader->at != ',')
			break;
		reader->at++;
	}
	if (!open)
		return 0;
	if (*reader->at != ')')
		return fail(reader, "a parenthesis is not closed");
	reader->at++;
	return 0;
}

/* ---- parameters --------------------------------------------------------- */

static bool
is_parameter(const char *at)
{
	return *at == '-' && g_ascii_isalpha(at[1]);
}

static char *
read_name(struct reader *reader)
{
	const char *start = ++reader->at;

	while (g_ascii_isalnum(*reader->at))
		reader->at++;
	return g_strndup(start, (gsize)(reader->at - start));
}

static int
read_parameter(struct reader *reader, struct ph_cmdlet *cmdlet)
{
	struct ph_cmdlet_parameter *parameter =
	    g_new0(struct ph_cmdlet_parameter, 1);
	GPtrArray *texts = g_ptr_array_new();
	int r = 0;

	g_ptr_array_add(cmdlet->parameters, parameter);
	parameter->name = read_name(reader);
	if (*reader->at == ':')
		reader->at++;
	skip_blanks(reader);
	if (*reader->at && !is_parameter(reader->at))
		r = read_texts(reader, texts);
	else
		g_ptr_array_add(texts, g_strdup("true"));
	g_ptr_array_add(texts, NULL);
	parameter->texts = (char **)g_ptr_array_free(texts, FALSE);
	return r;
}

int
ph_cmdlet_parse(const char *text, struct ph_cmdlet **cmdlet_r,
		struct ph_err *err)
{
	struct reader reader = {text, text, err};
	struct ph_cmdlet *cmdlet = g_new0(struct ph_cmdlet, 1);
	g_autoptr(GString) name = g_string_new(NULL);
	int r = 0;

	cmdlet->parameters = g_ptr_array_new_with_free_func(free_parameter);
	skip_blanks(&reader);
	read_bare(&reader, name);
	cmdlet->name = g_strdup(name->str);
	if (!g_ascii_isalpha(*cmdlet->name))
		r = fail(&reader, "expected a cmdlet");
	for (skip_blanks(&reader); r == 0 && *reader.at; skip_blanks(&reader))
		r = is_parameter(reader.at)
			? read_parameter(&reader, cmdlet)
			: fail(&reader, "expected a parameter");
	if (r == 0)
		*cmdlet_r = cmdlet;
	else
		ph_cmdlet_free(&cmdlet);
	return r;
}
