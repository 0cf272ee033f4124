#include "store/submission/imap_private.h"

#include "lib/base/clock.h"

#include <string.h>

/* ---- reading ----------------------------------------------------------- */

/* 0 or -1. */
static int
read_reply(struct ph_imap *imap, int64_t deadline,
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

static int
write_text(struct ph_imap *imap, const char *text, size_t size,
	   struct ph_err *err)
{
	ph_stream_set_timeout(imap->stream, imap->timeout);
	return ph_stream_write(imap->stream, text, size, err);
}

/* ---- commands ---------------------------------------------------------- */

static void
note_capabilities(struct ph_imap *imap, const char *list)
{
	g_autofree char *text = g_strdup_printf(" %s ", list);

	g_free(imap->capabilities);
	imap->capabilities = g_ascii_strup(text, -1);
}

static void
look_at_untagged(struct ph_imap *imap, const struct ph_imap_reply *reply)
{
	g_autoptr(GString) list = g_string_new(NULL);

	if (reply->code != NULL &&
	    g_ascii_strncasecmp(reply->code, "CAPABILITY ", 11) == 0)
		note_capabilities(imap, reply->code + 11);
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
	look_at_untagged(imap, reply);
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
	if (write_text(imap, text->str, text->len, err) < 0)
		return -1;
	return write_text(imap, "\r\n", 2, err);
}

static int
read_until_tag(struct ph_imap *imap, const char *tag, const GString *literal,
	       ph_imap_each each, void *context, char **code_r,
	       struct ph_err *err)
{
	int64_t deadline = ph_clock_mono() + imap->timeout;
	struct ph_imap_reply reply;
	int r = -2;

	while (r == -2) {
		if (read_reply(imap, deadline, &reply, err) < 0)
			return -1;
		if (strcmp(reply.tag, tag) == 0) {
			r = end_of(imap, &reply, code_r, err);
		} else if (strcmp(reply.tag, "+") == 0) {
			r = go_on(imap, &literal, err) < 0 ? -1 : -2;
		} else if (strcmp(reply.tag, "*") == 0) {
			look_at_untagged(imap, &reply);
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
	if (write_text(imap, line, strlen(line), err) < 0)
		return -1;
	return read_until_tag(imap, tag, literal, each, context, code_r, err);
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

	if (read_reply(imap, ph_clock_mono() + imap->timeout, &reply, err) < 0)
		return -1;
	look_at_untagged(imap, &reply);
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

/* RFC 4616: who it is for, who asks, and the password. */
static int
log_in(struct ph_imap *imap, const struct ph_imap_server *server,
       const char *address, struct ph_err *err)
{
	g_autoptr(GString) plain = g_string_new(address);
	g_autoptr(GString) line = NULL;
	g_autofree char *encoded = NULL;
	int r;

	g_string_append_c(plain, '\0');
	g_string_append(plain, server->user);
	g_string_append_c(plain, '\0');
	g_string_append(plain, server->password);
	encoded = g_base64_encode((const guchar *)plain->str, plain->len);
	line = g_string_new(encoded);
	g_clear_pointer(&imap->capabilities, g_free);
	r = ph_imap_command(imap, "AUTHENTICATE PLAIN", line, NULL, NULL, NULL,
			    err);
	if (r == 1 && imap->capabilities == NULL)
		r = ph_imap_must(imap, "CAPABILITY", NULL, NULL, NULL, err) < 0
			? -1
			: 1;
	return r == 1 ? 0 : -1;
}

static int
begin(struct ph_imap *imap, const struct ph_imap_server *server,
      const char *address, struct ph_err *err)
{
	static const char *const needed[] = {"MOVE", "UIDPLUS"};

	if (server->security == PH_IMAP_TLS &&
	    ph_tls_start(imap->stream, &server->tls, err) < 0)
		return -1;
	if (read_greeting(imap, err) < 0 ||
	    (server->security == PH_IMAP_STARTTLS &&
	     start_tls(imap, server, err) < 0) ||
	    log_in(imap, server, address, err) < 0)
		return -1;
	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++)
		if (!ph_imap_offers(imap, needed[i]))
			return ph_err_set(
			    err, PH_ERR_TEMP, "%s: the server does not know %s",
			    ph_stream_peer(imap->stream), needed[i]);
	return 0;
}

int
ph_imap_open(const struct ph_imap_server *server, const char *address,
	     struct ph_imap **imap_r, struct ph_err *err)
{
	struct ph_stream *stream;
	struct ph_imap *imap;

	if (ph_stream_connect(&server->endpoint, NULL, server->connect_timeout,
			      &stream, err) < 0)
		return -1;
	imap = g_new0(struct ph_imap, 1);
	imap->stream = stream;
	imap->parser = ph_imap_parser_new();
	imap->timeout = server->connect_timeout;
	ph_stream_set_timeout(stream, imap->timeout);
	if (begin(imap, server, address, err) < 0) {
		ph_imap_close(&imap);
		return -1;
	}
	imap->timeout = server->timeout;
	*imap_r = imap;
	return 0;
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

static void
note_validity(void *context, const struct ph_imap_reply *reply)
{
	uint32_t *validity = context;

	if (reply->code != NULL &&
	    g_ascii_strncasecmp(reply->code, "UIDVALIDITY ", 12) == 0)
		*validity =
		    (uint32_t)g_ascii_strtoull(reply->code + 12, NULL, 10);
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
	struct ph_err why = PH_ERR_INIT;
	int r;

	*validity_r = 0;
	r = ph_imap_command(imap, command, NULL, note_validity, validity_r,
			    &code, &why);
	if (r == 0)
		return check_absent(imap, quoted, code, &why, err);
	if (r == 1 && *validity_r == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: no UIDVALIDITY of %s",
				  ph_stream_peer(imap->stream), mailbox);
	if (r < 0 && err != NULL)
		*err = why;
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

	if (ph_imap_must(imap, command, NULL, note_uids, uids, err) < 0) {
		g_array_unref(uids);
		return -1;
	}
	*uids_r = uids;
	return 0;
}

/* ---- waiting ----------------------------------------------------------- */

int
ph_imap_idle(struct ph_imap *imap, struct ph_err *err)
{
	int64_t deadline = ph_clock_mono() + imap->timeout;
	g_autofree char *line = NULL;
	struct ph_imap_reply reply;
	bool begun = false, ended = false;

	g_free(imap->idle);
	imap->idle = g_strdup_printf("p%u", ++imap->tag);
	line = g_strdup_printf("%s IDLE\r\n", imap->idle);
	if (write_text(imap, line, strlen(line), err) < 0)
		return -1;
	while (!begun && !ended) {
		if (read_reply(imap, deadline, &reply, err) < 0)
			return -1;
		begun = strcmp(reply.tag, "+") == 0;
		ended = strcmp(reply.tag, imap->idle) == 0;
		ph_imap_reply_clear(&reply);
	}
	return begun ? 0
		     : ph_err_set(err, PH_ERR_TEMP, "%s: IDLE is refused",
				  ph_stream_peer(imap->stream));
}

int
ph_imap_fd(const struct ph_imap *imap)
{
	return ph_stream_fd(imap->stream);
}

int
ph_imap_heard(struct ph_imap *imap, struct ph_err *err)
{
	char buffer[16384];
	struct ph_imap_reply reply;
	bool changed = false;
	ssize_t n;
	int r;

	ph_stream_set_timeout(imap->stream, imap->timeout);
	n = ph_stream_read(imap->stream, buffer, sizeof(buffer), err);
	if (n <= 0)
		return -1;
	ph_imap_parser_feed(imap->parser, buffer, (size_t)n);
	while ((r = ph_imap_parser_next(imap->parser, &reply, err)) == 1) {
		/* "* OK Still here" is no news. */
		changed |= reply.tokens != NULL;
		if (strcmp(reply.word, "BYE") == 0)
			r = -1;
		ph_imap_reply_clear(&reply);
		if (r < 0)
			return -1;
	}
	return r < 0 ? -1 : changed;
}

int
ph_imap_idle_end(struct ph_imap *imap, struct ph_err *err)
{
	g_autofree char *tag = g_steal_pointer(&imap->idle);

	if (tag == NULL)
		return 0;
	if (write_text(imap, "DONE\r\n", 6, err) < 0)
		return -1;
	return read_until_tag(imap, tag, NULL, NULL, NULL, NULL, err) == 1 ? 0
									   : -1;
}
