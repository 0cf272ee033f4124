#include "store/submission/imap_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Of a message at once: below the parser's limit of a literal. */
#define PIECE 262144

/* What a FETCH response says of the message that is asked for. */
struct fetched {
	uint32_t uid;
	const char *item;    /* begins with it: "BODY[]", "RFC822.SIZE" */
	const char *keyword; /* NULL: not asked */
	bool seen;	     /* the message is there */
	bool has_keyword;
	GString *value; /* of item */
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

static void
note_fetched(void *context, const struct ph_imap_reply *reply)
{
	struct fetched *fetched = context;
	const struct ph_imap_token *name, *value;

	if (strcmp(reply->word, "FETCH") != 0 || reply->tokens == NULL ||
	    !has_uid(reply, fetched->uid))
		return;
	fetched->seen = true;
	for (guint i = 1; (name = token_at(reply, i)) != NULL &&
			  (value = token_at(reply, i + 1)) != NULL;
	     i = value_end(reply, i + 1)) {
		if (g_ascii_strncasecmp(name->text, fetched->item,
					strlen(fetched->item)) == 0) {
			/* MODSEQ (12) */
			if (value->kind == PH_IMAP_OPEN)
				value = token_at(reply, i + 2);
			if (value == NULL)
				return;
			g_string_truncate(fetched->value, 0);
			g_string_append_len(fetched->value, value->text,
					    (gssize)value->size);
		}
		if (strcasecmp(name->text, "FLAGS") != 0)
			continue;
		for (guint k = i + 1; k < value_end(reply, i + 1); k++)
			fetched->has_keyword |=
			    fetched->keyword != NULL &&
			    token_at(reply, k) != NULL &&
			    strcasecmp(token_at(reply, k)->text,
				       fetched->keyword) == 0;
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
	g_string_truncate(fetched->value, 0);
	if (ph_imap_must(imap, command, NULL, note_fetched, fetched, err) < 0)
		return -1;
	return fetched->seen;
}

int
ph_imap_size(struct ph_imap *imap, uint32_t uid, uint64_t *size_r,
	     struct ph_err *err)
{
	g_autoptr(GString) value = g_string_new(NULL);
	struct fetched fetched = {
	    .uid = uid, .item = "RFC822.SIZE", .value = value};
	int r = fetch(imap, "RFC822.SIZE", &fetched, err);

	*size_r = g_ascii_strtoull(value->str, NULL, 10);
	return r;
}

static int
write_all(int fd, const char *data, size_t size, struct ph_err *err)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "cannot write a message: %s",
					  g_strerror(errno));
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int
ph_imap_fetch(struct ph_imap *imap, uint32_t uid, int fd, struct ph_err *err)
{
	g_autoptr(GString) value = g_string_new(NULL);
	struct fetched fetched = {.uid = uid, .item = "BODY[]", .value = value};
	uint64_t size, at = 0;
	int r = ph_imap_size(imap, uid, &size, err);

	while (r == 1) {
		g_autofree char *items =
		    g_strdup_printf("BODY.PEEK[]<%" PRIu64 ".%d>", at, PIECE);

		r = fetch(imap, items, &fetched, err);
		if (r != 1)
			break;
		if (write_all(fd, value->str, value->len, err) < 0)
			return -1;
		at += value->len;
		if (value->len < PIECE)
			break;
	}
	/* Cut short, it would be sent as if it were whole. */
	if (r == 1 && at != size)
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s: a message of %" PRIu64
				  " bytes has %" PRIu64,
				  ph_stream_peer(imap->stream), size, at);
	return r;
}

int
ph_imap_claim(struct ph_imap *imap, uint32_t uid, const char *keyword,
	      struct ph_err *err)
{
	bool atomic = ph_imap_offers(imap, "CONDSTORE");
	g_autoptr(GString) value = g_string_new(NULL);
	g_autofree char *command = NULL, *code = NULL;
	struct fetched fetched = {
	    .uid = uid, .item = "MODSEQ", .keyword = keyword, .value = value};
	int r = fetch(imap, atomic ? "FLAGS MODSEQ" : "FLAGS", &fetched, err);

	if (r != 1 || fetched.has_keyword)
		return r < 0 ? -1 : 0;
	command =
	    atomic ? g_strdup_printf("UID STORE %" PRIu32
				     " (UNCHANGEDSINCE %s) +FLAGS.SILENT "
				     "(%s)",
				     uid, value->str, keyword)
		   : g_strdup_printf("UID STORE %" PRIu32 " +FLAGS.SILENT (%s)",
				     uid, keyword);
	r = ph_imap_command(imap, command, NULL, NULL, NULL, &code, err);
	if (r == 0)
		return -1;
	return r == 1 && g_ascii_strncasecmp(code, "MODIFIED", 8) == 0 ? 0 : r;
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
