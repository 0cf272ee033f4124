#include "store/submission/imap_private.h"

#include "lib/base/file.h"
#include "store/submission/due.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Of a message at once: below the parser's limit of a literal. */
#define PIECE 262144

/* What a FETCH response says of the message that is asked for. */
struct fetched {
	uint32_t uid;
	const char *items[2]; /* begin with it: "BODY[]", "RFC822.SIZE" */
	GString *values[2];   /* of items; "" for NIL */
	const char *keyword;  /* NULL: not asked */
	bool seen;	      /* the message is there */
	bool has_keyword;
};

static const struct ph_imap_token *
token_at(const struct ph_imap_reply *reply, guint i)
{
	return i < reply->tokens->len
		   ? &g_array_index(reply->tokens, struct ph_imap_token, i)
		   : NULL;
}

/* Where a value ends that begins at i: behind its closing parenthesis. */
static guint
value_end(const struct ph_imap_reply *reply, guint i)
{
	guint depth = 0;

	do {
		const struct ph_imap_token *token = token_at(reply, i++);

		if (token == NULL)
			return i;
		depth += token->kind == PH_IMAP_OPEN;
		depth -= token->kind == PH_IMAP_CLOSE && depth > 0;
	} while (depth > 0);
	return i;
}

static bool
has_uid(const struct ph_imap_reply *reply, uint32_t uid)
{
	const struct ph_imap_token *name, *value;

	for (guint i = 1; (name = token_at(reply, i)) != NULL &&
			  (value = token_at(reply, i + 1)) != NULL;
	     i = value_end(reply, i + 1))
		if (strcasecmp(name->text, "UID") == 0)
			return g_ascii_strtoull(value->text, NULL, 10) == uid;
	return false;
}

/* value begins at i. */
static void
note_value(struct fetched *fetched, const struct ph_imap_reply *reply, guint i)
{
	const struct ph_imap_token *name = token_at(reply, i - 1);
	const struct ph_imap_token *value = token_at(reply, i);

	/* MODSEQ (12) */
	if (value->kind == PH_IMAP_OPEN)
		value = token_at(reply, i + 1);
	for (size_t k = 0; k < G_N_ELEMENTS(fetched->items); k++) {
		const char *item = fetched->items[k];

		if (item == NULL || value == NULL ||
		    g_ascii_strncasecmp(name->text, item, strlen(item)) != 0)
			continue;
		g_string_truncate(fetched->values[k], 0);
		if (value->kind != PH_IMAP_ATOM ||
		    strcasecmp(value->text, "NIL") != 0)
			g_string_append_len(fetched->values[k], value->text,
					    (gssize)value->size);
	}
}

static void
note_flags(struct fetched *fetched, const struct ph_imap_reply *reply, guint i)
{
	const guint end = value_end(reply, i);
	const struct ph_imap_token *flag;

	for (; i < end && (flag = token_at(reply, i)) != NULL; i++)
		fetched->has_keyword |=
		    fetched->keyword != NULL &&
		    strcasecmp(flag->text, fetched->keyword) == 0;
}

static void
note_fetched(void *context, const struct ph_imap_reply *reply)
{
	struct fetched *fetched = context;
	const struct ph_imap_token *name;

	if (strcmp(reply->word, "FETCH") != 0 || reply->tokens == NULL ||
	    !has_uid(reply, fetched->uid))
		return;
	fetched->seen = true;
	for (guint i = 1; (name = token_at(reply, i)) != NULL &&
			  token_at(reply, i + 1) != NULL;
	     i = value_end(reply, i + 1)) {
		note_value(fetched, reply, i + 1);
		if (strcasecmp(name->text, "FLAGS") == 0)
			note_flags(fetched, reply, i + 1);
	}
}

/* 1, 0 there is no such message, -1. */
static int
fetch(struct ph_imap *imap, const char *items, struct fetched *fetched,
      struct ph_err *err)
{
	g_autofree char *command = g_strdup_printf(
	    "UID FETCH %" PRIu32 " (UID %s)", fetched->uid, items);

	fetched->seen = fetched->has_keyword = false;
	for (size_t k = 0; k < G_N_ELEMENTS(fetched->values); k++)
		if (fetched->values[k] != NULL)
			g_string_truncate(fetched->values[k], 0);
	if (ph_imap_must(imap, command, NULL, note_fetched, fetched, err) < 0)
		return -1;
	return fetched->seen;
}

/* "17-Jul-1996 02:44:25 -0700" is a date of mail but for its hyphens. */
static int64_t
parse_came(const char *text)
{
	g_autofree char *date = g_strdup(text);
	int64_t ms;

	g_strstrip(date);
	for (char *p = date; *p != '\0' && *p != ' '; p++)
		if (*p == '-')
			*p = ' ';
	return ph_due_parse(date, &ms, NULL) == 0 ? ms : 0;
}

int
ph_imap_stat(struct ph_imap *imap, uint32_t uid, struct ph_imap_stat *stat_r,
	     struct ph_err *err)
{
	g_autoptr(GString) size = g_string_new(NULL);
	g_autoptr(GString) came = g_string_new(NULL);
	struct fetched fetched = {.uid = uid,
				  .items = {"RFC822.SIZE", "INTERNALDATE"},
				  .values = {size, came}};
	int r = fetch(imap, "RFC822.SIZE INTERNALDATE", &fetched, err);

	/* Any FETCH of the message makes it seen, as one of flags alone. */
	if (r == 1 && size->len == 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "the server says no size of a message");
	stat_r->size = g_ascii_strtoull(size->str, NULL, 10);
	stat_r->came = parse_came(came->str);
	return r;
}

/* The piece that begins at this place; as ph_imap_fetch. */
static int
fetch_piece(struct ph_imap *imap, uint32_t uid, uint64_t at, int fd,
	    size_t *size_r, struct ph_err *err)
{
	g_autoptr(GString) value = g_string_new(NULL);
	g_autofree char *items =
	    g_strdup_printf("BODY.PEEK[]<%" PRIu64 ".%d>", at, PIECE);
	struct fetched fetched = {
	    .uid = uid, .items = {"BODY[]"}, .values = {value}};
	int r = fetch(imap, items, &fetched, err);

	*size_r = value->len;
	if (r == 1 && ph_file_write(fd, value->str, value->len) < 0)
		return ph_err_set(err, PH_ERR_TEMP,
				  "cannot write a message: %s",
				  g_strerror(errno));
	return r;
}

int
ph_imap_fetch_top(struct ph_imap *imap, uint32_t uid, int fd,
		  struct ph_err *err)
{
	size_t n;

	return fetch_piece(imap, uid, 0, fd, &n, err);
}

int
ph_imap_fetch(struct ph_imap *imap, uint32_t uid, uint64_t size, int fd,
	      struct ph_err *err)
{
	uint64_t at = 0;
	size_t n = 1;
	int r = 1;

	while (r == 1 && at < size && n > 0) {
		r = fetch_piece(imap, uid, at, fd, &n, err);
		at += n;
	}
	/* Cut short, it would be sent as if it were whole. */
	if (r == 1 && at != size)
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s: a message of %" PRIu64
				  " bytes has %" PRIu64,
				  ph_stream_peer(imap->stream), size, at);
	return r;
}

/* The mailbox may have no MODSEQ though the server knows CONDSTORE. */
static bool
is_modseq(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0' &&
	       strcmp(text, "0") != 0;
}

int
ph_imap_claim(struct ph_imap *imap, uint32_t uid, const char *keyword,
	      struct ph_err *err)
{
	g_autoptr(GString) value = g_string_new(NULL);
	g_autofree char *command = NULL, *code = NULL;
	struct fetched fetched = {.uid = uid,
				  .items = {"MODSEQ"},
				  .values = {value},
				  .keyword = keyword};
	int r =
	    fetch(imap, imap->modseq ? "FLAGS MODSEQ" : "FLAGS", &fetched, err);

	if (r != 1 || fetched.has_keyword)
		return r < 0 ? -1 : 0;
	command =
	    is_modseq(value->str)
		? g_strdup_printf("UID STORE %" PRIu32
				  " (UNCHANGEDSINCE %s) +FLAGS.SILENT "
				  "(%s)",
				  uid, value->str, keyword)
		: g_strdup_printf("UID STORE %" PRIu32 " +FLAGS.SILENT (%s)",
				  uid, keyword);
	r = ph_imap_command(imap, command, NULL, NULL, NULL, &code, err);
	/* OK, or NO if it was removed meanwhile (RFC 7162 section 3.1.3). */
	if (r >= 0 && g_ascii_strncasecmp(code, "MODIFIED", 8) == 0)
		return 0;
	return r == 1 ? 1 : -1;
}

int
ph_imap_flag(struct ph_imap *imap, uint32_t uid, char sign, const char *flags,
	     struct ph_err *err)
{
	g_autofree char *command = g_strdup_printf(
	    "UID STORE %" PRIu32 " %cFLAGS.SILENT (%s)", uid, sign, flags);

	return ph_imap_must(imap, command, NULL, NULL, NULL, err);
}

static void
note_moved(void *context, const struct ph_imap_reply *reply)
{
	if (reply->code != NULL &&
	    g_ascii_strncasecmp(reply->code, "COPYUID ", 8) == 0)
		*(bool *)context = true;
}

int
ph_imap_move(struct ph_imap *imap, uint32_t uid, const char *mailbox,
	     struct ph_err *err)
{
	g_autofree char *quoted = ph_imap_quote(mailbox);
	g_autofree char *command =
	    g_strdup_printf("UID MOVE %" PRIu32 " %s", uid, quoted);
	g_autofree char *code = NULL, *again = NULL;
	bool moved = false;
	int r = ph_imap_command(imap, command, NULL, note_moved, &moved, &code,
				err);

	if (r == 0 && g_ascii_strncasecmp(code, "TRYCREATE", 9) == 0 &&
	    ph_imap_create(imap, mailbox, err) == 0)
		r = ph_imap_command(imap, command, NULL, note_moved, &moved,
				    &again, err);
	if (again != NULL && g_ascii_strncasecmp(again, "COPYUID ", 8) == 0)
		moved = true;
	if (r == 1)
		return moved || g_ascii_strncasecmp(code, "COPYUID ", 8) == 0;
	return -1;
}

int
ph_imap_remove(struct ph_imap *imap, uint32_t uid, struct ph_err *err)
{
	g_autofree char *command = g_strdup_printf("UID EXPUNGE %" PRIu32, uid);

	if (ph_imap_flag(imap, uid, '+', "\\Deleted", err) < 0)
		return -1;
	return ph_imap_must(imap, command, NULL, NULL, NULL, err);
}

int
ph_imap_append(struct ph_imap *imap, const char *mailbox, const char *flags,
	       const GString *text, struct ph_err *err)
{
	g_autofree char *quoted = ph_imap_quote(mailbox);
	g_autofree char *command = g_strdup_printf(
	    "APPEND %s (%s) {%zu}", quoted, flags, (size_t)text->len);
	g_autofree char *code = NULL;
	int r = ph_imap_command(imap, command, text, NULL, NULL, &code, err);

	if (r == 0 && g_ascii_strncasecmp(code, "TRYCREATE", 9) == 0) {
		if (ph_imap_create(imap, mailbox, err) < 0)
			return -1;
		r = ph_imap_must(imap, command, text, NULL, NULL, err) < 0 ? -1
									   : 1;
	}
	return r == 1 ? 0 : -1;
}
