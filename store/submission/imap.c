#include "store/submission/imap_private.h"

#include "lib/base/clock.h"
#include "lib/base/credential.h"

#include <string.h>

#define PIECE ((size_t)65536)

/* ---- reading ----------------------------------------------------------- */

int64_t
ph_imap_deadline(const struct ph_imap *imap)
{
	return MIN(ph_clock_mono() + imap->timeout, imap->limit);
}

int
ph_imap_read_reply(struct ph_imap *imap, int64_t deadline,
		   struct ph_imap_reply *reply_r, struct ph_err *err)
{
	char buffer[16384];
	int r;

	while ((r = ph_imap_parser_next(imap->parser, reply_r, err)) == 0) {
		int64_t left = deadline - ph_clock_mono();
		ssize_t n;

		if (left <= 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "%s: no answer in time",
					  ph_stream_peer(imap->stream));
		ph_stream_set_timeout(imap->stream, left);
		n = ph_stream_read(imap->stream, buffer, sizeof(buffer), err);
		if (n < 0)
			return -1;
		if (n == 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "%s closed the connection",
					  ph_stream_peer(imap->stream));
		ph_imap_parser_feed(imap->parser, buffer, (size_t)n);
	}
	/* What a peer does wrong may be right next time. */
	if (r < 0 && err != NULL)
		err->kind = PH_ERR_TEMP;
	return r < 0 ? -1 : 0;
}

/* In pieces, each with a deadline of its own: a large message takes its time,
 * but it has to go on. */
int
ph_imap_write(struct ph_imap *imap, const char *text, size_t size,
	      struct ph_err *err)
{
	while (size > 0) {
		size_t n = MIN(size, PIECE);
		int64_t left = ph_imap_deadline(imap) - ph_clock_mono();

		if (left <= 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "%s: no time is left",
					  ph_stream_peer(imap->stream));
		ph_stream_set_timeout(imap->stream, left);
		if (ph_stream_write(imap->stream, text, n, err) < 0)
			return -1;
		text += n;
		size -= n;
	}
	return 0;
}

/* ---- commands ---------------------------------------------------------- */

static void
note_capabilities(struct ph_imap *imap, const char *list)
{
	g_autofree char *text = g_strdup_printf(" %s ", list);

	g_free(imap->capabilities);
	imap->capabilities = g_ascii_strup(text, -1);
}

void
ph_imap_look_at(struct ph_imap *imap, const struct ph_imap_reply *reply)
{
	g_autoptr(GString) list = g_string_new(NULL);

	if (reply->code != NULL &&
	    g_ascii_strncasecmp(reply->code, "CAPABILITY ", 11) == 0)
		note_capabilities(imap, reply->code + 11);
	if (strcmp(reply->word, "EXISTS") == 0) {
		imap->exists = reply->number;
		imap->news = true;
	}
	if (strcmp(reply->word, "CAPABILITY") != 0 || reply->tokens == NULL)
		return;
	for (guint i = 0; i < reply->tokens->len; i++)
		g_string_append_printf(
		    list, "%s ",
		    g_array_index(reply->tokens, struct ph_imap_token, i).text);
	note_capabilities(imap, list->str);
}

/* 1 OK, 0 NO or BAD. */
static int
end_of(struct ph_imap *imap, const struct ph_imap_reply *reply, char **code_r,
       struct ph_err *err)
{
	ph_imap_look_at(imap, reply);
	if (code_r != NULL)
		*code_r = g_strdup(reply->code != NULL ? reply->code : "");
	if (strcmp(reply->word, "OK") == 0)
		return 1;
	ph_err_set(err, PH_ERR_TEMP, "%s: %s %s", ph_stream_peer(imap->stream),
		   reply->word, reply->text != NULL ? reply->text : "");
	return 0;
}

/* What is sent when the server says "+"; NULL: nothing is expected. */
static int
go_on(struct ph_imap *imap, const GString **literal, struct ph_err *err)
{
	const GString *text = *literal;

	*literal = NULL;
	if (text == NULL)
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s asks for what nobody has promised",
				  ph_stream_peer(imap->stream));
	if (ph_imap_write(imap, text->str, text->len, err) < 0)
		return -1;
	return ph_imap_write(imap, "\r\n", 2, err);
}

int
ph_imap_read_until(struct ph_imap *imap, const char *tag,
		   const GString *literal, ph_imap_each each, void *context,
		   char **code_r, struct ph_err *err)
{
	int64_t deadline = ph_imap_deadline(imap);
	struct ph_imap_reply reply;
	int r = -2;

	while (r == -2) {
		if (ph_imap_read_reply(imap, deadline, &reply, err) < 0)
			return -1;
		if (strcmp(reply.tag, tag) == 0) {
			r = end_of(imap, &reply, code_r, err);
		} else if (strcmp(reply.tag, "+") == 0) {
			r = go_on(imap, &literal, err) < 0 ? -1 : -2;
			/* What took long was to send it. */
			deadline = ph_imap_deadline(imap);
		} else if (strcmp(reply.tag, "*") == 0) {
			ph_imap_look_at(imap, &reply);
			if (each != NULL)
				each(context, &reply);
		}
		ph_imap_reply_clear(&reply);
	}
	return r;
}

int
ph_imap_command(struct ph_imap *imap, const char *command,
		const GString *literal, ph_imap_each each, void *context,
		char **code_r, struct ph_err *err)
{
	g_autofree char *tag = g_strdup_printf("p%u", ++imap->tag);
	g_autofree char *line = g_strdup_printf("%s %s\r\n", tag, command);

	if (code_r != NULL)
		*code_r = NULL;
	if (ph_imap_write(imap, line, strlen(line), err) < 0)
		return -1;
	return ph_imap_read_until(imap, tag, literal, each, context, code_r,
				  err);
}

int
ph_imap_must(struct ph_imap *imap, const char *command, const GString *literal,
	     ph_imap_each each, void *context, struct ph_err *err)
{
	return ph_imap_command(imap, command, literal, each, context, NULL,
			       err) == 1
		   ? 0
		   : -1;
}

char *
ph_imap_quote(const char *text)
{
	GString *out = g_string_new("\"");

	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			continue;
		if (*p == '"' || *p == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *p);
	}
	g_string_append_c(out, '"');
	return g_string_free(out, FALSE);
}

/* ---- opening ----------------------------------------------------------- */

bool
ph_imap_offers(const struct ph_imap *imap, const char *capability)
{
	g_autofree char *word = g_strdup_printf(" %s ", capability);

	return imap->capabilities != NULL &&
	       strstr(imap->capabilities, word) != NULL;
}

static int
read_greeting(struct ph_imap *imap, struct ph_err *err)
{
	struct ph_imap_reply reply;
	int r;

	if (ph_imap_read_reply(imap, ph_imap_deadline(imap), &reply, err) < 0)
		return -1;
	ph_imap_look_at(imap, &reply);
	r = strcmp(reply.word, "OK") == 0
		? 0
		: ph_err_set(err, PH_ERR_TEMP, "%s: %s %s",
			     ph_stream_peer(imap->stream), reply.word,
			     reply.text != NULL ? reply.text : "");
	ph_imap_reply_clear(&reply);
	return r;
}

static int
start_tls(struct ph_imap *imap, const struct ph_imap_server *server,
	  struct ph_err *err)
{
	if (ph_imap_must(imap, "STARTTLS", NULL, NULL, NULL, err) < 0)
		return -1;
	/* What was said before is anybody's word. */
	ph_imap_parser_free(&imap->parser);
	imap->parser = ph_imap_parser_new();
	g_clear_pointer(&imap->capabilities, g_free);
	return ph_tls_start(imap->stream, &server->tls, err);
}

static int
log_in(struct ph_imap *imap, const struct ph_imap_server *server,
       const char *address, enum ph_imap_sign *sign, struct ph_err *err)
{
	char *plain = ph_secret_plain(address, server->user, server->password);
	const GString line = {plain, strlen(plain), strlen(plain) + 1};
	int r;

	g_clear_pointer(&imap->capabilities, g_free);
	r = ph_imap_command(imap, "AUTHENTICATE PLAIN", &line, NULL, NULL, NULL,
			    err);
	ph_secret_free(&plain);
	*sign = r < 0 ? PH_IMAP_NO_SIGN : PH_IMAP_UP;
	if (r == 1 && imap->capabilities == NULL)
		r = ph_imap_must(imap, "CAPABILITY", NULL, NULL, NULL, err) < 0
			? -1
			: 1;
	return r == 1 ? 0 : -1;
}

/* What it does not offer to one it offers to nobody. */
static int
check_offers(const struct ph_imap *imap, enum ph_imap_sign *sign,
	     struct ph_err *err)
{
	static const char *const needed[] = {"MOVE", "UIDPLUS"};

	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
		if (ph_imap_offers(imap, needed[i]))
			continue;
		*sign = PH_IMAP_DOWN;
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s: the server does not know %s",
				  ph_stream_peer(imap->stream), needed[i]);
	}
	return 0;
}

static int
begin(struct ph_imap *imap, const struct ph_imap_server *server,
      const char *address, enum ph_imap_sign *sign, struct ph_err *err)
{
	if (server->security == PH_IMAP_TLS &&
	    ph_tls_start(imap->stream, &server->tls, err) < 0)
		return -1;
	if (read_greeting(imap, err) < 0 ||
	    (server->security == PH_IMAP_STARTTLS &&
	     start_tls(imap, server, err) < 0) ||
	    log_in(imap, server, address, sign, err) < 0)
		return -1;
	return check_offers(imap, sign, err);
}

int
ph_imap_open(const struct ph_imap_server *server, const char *address,
	     enum ph_imap_sign *sign_r, struct ph_imap **imap_r,
	     struct ph_err *err)
{
	enum ph_imap_sign ignored = PH_IMAP_NO_SIGN;
	struct ph_stream *stream;
	struct ph_imap *imap;

	if (sign_r == NULL)
		sign_r = &ignored;
	*sign_r = PH_IMAP_DOWN;
	if (ph_stream_connect(&server->endpoint, NULL, server->connect_timeout,
			      &stream, err) < 0)
		return -1;
	imap = g_new0(struct ph_imap, 1);
	imap->stream = stream;
	imap->parser = ph_imap_parser_new();
	imap->timeout = server->connect_timeout;
	imap->limit = INT64_MAX;
	imap->exists = UINT32_MAX;
	ph_stream_set_timeout(stream, imap->timeout);
	if (begin(imap, server, address, sign_r, err) < 0) {
		ph_imap_close(&imap);
		return -1;
	}
	imap->timeout = server->timeout;
	*imap_r = imap;
	return 0;
}

void
ph_imap_limit(struct ph_imap *imap, int64_t limit)
{
	imap->limit = limit;
}

void
ph_imap_shutdown(struct ph_imap *imap)
{
	ph_stream_shutdown(imap->stream);
}

void
ph_imap_close(struct ph_imap **imap)
{
	if (*imap == NULL)
		return;
	ph_stream_free(&(*imap)->stream);
	ph_imap_parser_free(&(*imap)->parser);
	g_free((*imap)->capabilities);
	g_free((*imap)->idle);
	g_free(*imap);
	*imap = NULL;
}

/* ---- mailboxes --------------------------------------------------------- */

struct selected {
	uint32_t validity;
	bool modseq;
};

static void
note_selected(void *context, const struct ph_imap_reply *reply)
{
	struct selected *selected = context;

	if (reply->code == NULL)
		return;
	if (g_ascii_strncasecmp(reply->code, "UIDVALIDITY ", 12) == 0)
		selected->validity =
		    (uint32_t)g_ascii_strtoull(reply->code + 12, NULL, 10);
	else if (g_ascii_strcasecmp(reply->code, "NOMODSEQ") == 0)
		selected->modseq = false;
}

int
ph_imap_create(struct ph_imap *imap, const char *mailbox, struct ph_err *err)
{
	g_autofree char *quoted = ph_imap_quote(mailbox);
	g_autofree char *command = g_strdup_printf("CREATE %s", quoted);

	return ph_imap_must(imap, command, NULL, NULL, NULL, err);
}

static void
note_listed(void *context, const struct ph_imap_reply *reply)
{
	bool *listed = context;

	*listed |= strcmp(reply->word, "LIST") == 0;
}

/* A server with trouble says NO as well. 0: there is no such mailbox; -1. */
static int
check_absent(struct ph_imap *imap, const char *quoted, const char *code,
	     const struct ph_err *why, struct ph_err *err)
{
	g_autofree char *command = g_strdup_printf("LIST \"\" %s", quoted);
	bool listed = false;

	if (code != NULL && g_ascii_strcasecmp(code, "NONEXISTENT") == 0)
		return 0;
	if (ph_imap_must(imap, command, NULL, note_listed, &listed, err) < 0)
		return -1;
	return listed ? ph_err_set(err, PH_ERR_TEMP, "%s", why->text) : 0;
}

int
ph_imap_select(struct ph_imap *imap, const char *mailbox, uint32_t *validity_r,
	       struct ph_err *err)
{
	g_autofree char *quoted = ph_imap_quote(mailbox), *code = NULL;
	g_autofree char *command = g_strdup_printf("SELECT %s", quoted);
	struct selected selected = {0, ph_imap_offers(imap, "CONDSTORE")};
	struct ph_err why = PH_ERR_INIT;
	int r;

	imap->exists = UINT32_MAX;
	r = ph_imap_command(imap, command, NULL, note_selected, &selected,
			    &code, &why);
	if (r == 0)
		return check_absent(imap, quoted, code, &why, err);
	if (r == 1 && selected.validity == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: no UIDVALIDITY of %s",
				  ph_stream_peer(imap->stream), mailbox);
	if (r < 0 && err != NULL)
		*err = why;
	imap->modseq = selected.modseq;
	/* How many there are is no news here. */
	imap->news = false;
	*validity_r = selected.validity;
	return r;
}

static void
note_uids(void *context, const struct ph_imap_reply *reply)
{
	GArray *uids = context;

	if (strcmp(reply->word, "SEARCH") != 0 || reply->tokens == NULL)
		return;
	for (guint i = 0; i < reply->tokens->len; i++) {
		const struct ph_imap_token *token =
		    &g_array_index(reply->tokens, struct ph_imap_token, i);
		guint64 n;
		uint32_t uid;

		if (token->kind != PH_IMAP_ATOM ||
		    !g_ascii_string_to_unsigned(token->text, 10, 1, UINT32_MAX,
						&n, NULL))
			continue;
		uid = (uint32_t)n;
		g_array_append_val(uids, uid);
	}
}

int
ph_imap_search(struct ph_imap *imap, const char *what, GArray **uids_r,
	       struct ph_err *err)
{
	g_autofree char *command = g_strdup_printf("UID SEARCH %s", what);
	GArray *uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	if (imap->exists == 0) {
		*uids_r = uids;
		return 0;
	}
	if (ph_imap_must(imap, command, NULL, note_uids, uids, err) < 0) {
		g_array_unref(uids);
		return -1;
	}
	*uids_r = uids;
	return 0;
}
