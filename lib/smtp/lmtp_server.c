#include "lib/smtp/lmtp_private.h"

#include <string.h>

enum {
	LINE_LIMIT = 2048,
	RECIPIENT_LIMIT = 1000,
	ERROR_LIMIT = 20,
	PIECE = 65536,	   /* of content in one event */
	REPLY_LIMIT = 510, /* RFC 5321 section 4.5.3.1.5, without CRLF */
};

struct ph_lmtp *
ph_lmtp_new(const char *hostname, const struct ph_lmtp_limits *limits)
{
	struct ph_lmtp *lmtp = g_new0(struct ph_lmtp, 1);

	lmtp->hostname = g_strdup(hostname);
	lmtp->limits = *limits;
	if (limits->line == 0)
		lmtp->limits.line = LINE_LIMIT;
	if (limits->recipients == 0)
		lmtp->limits.recipients = RECIPIENT_LIMIT;
	if (limits->errors == 0)
		lmtp->limits.errors = ERROR_LIMIT;
	lmtp->in = g_string_new(NULL);
	lmtp->out = g_string_new(NULL);
	lmtp->address = g_string_new(NULL);
	lmtp->content = g_string_new(NULL);
	lmtp->params = g_ptr_array_new_with_free_func(g_free);
	g_string_printf(lmtp->out, "220 %s LMTP posthub\r\n", hostname);
	return lmtp;
}

static void
forget(char **values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g_clear_pointer(&values[i], g_free);
}

void
ph_lmtp_free(struct ph_lmtp **lmtp)
{
	struct ph_lmtp *p = *lmtp;

	if (!p)
		return;
	*lmtp = NULL;
	forget(p->xforward, PH_LMTP_XFORWARDS);
	forget(p->xclient, PH_LMTP_XCLIENTS);
	g_string_free(p->in, TRUE);
	g_string_free(p->out, TRUE);
	g_string_free(p->address, TRUE);
	g_string_free(p->content, TRUE);
	g_ptr_array_unref(p->params);
	g_free(p->helo);
	g_free(p->hostname);
	g_free(p);
}

void
ph_lmtp_trust(struct ph_lmtp *lmtp)
{
	lmtp->trusted = true;
}

/* RFC 3207 section 4.2: nothing that was said in clear counts. */
void
ph_lmtp_secure(struct ph_lmtp *lmtp)
{
	g_assert(lmtp->stage == PH_LMTP_STAGE_TLS);
	lmtp->stage = PH_LMTP_STAGE_COMMAND;
	lmtp->secure = true;
	g_clear_pointer(&lmtp->helo, g_free);
	ph_lmtp_end_transaction(lmtp);
}

void
ph_lmtp_feed(struct ph_lmtp *lmtp, const void *data, size_t size)
{
	g_string_erase(lmtp->in, 0, (gssize)lmtp->used);
	lmtp->used = 0;
	if (lmtp->stage != PH_LMTP_STAGE_CLOSED &&
	    lmtp->stage != PH_LMTP_STAGE_TLS &&
	    lmtp->stage != PH_LMTP_STAGE_QUIT)
		g_string_append_len(lmtp->in, data, (gssize)size);
}

/* ---- replies ----------------------------------------------------------- */

/* Where to cut so that no character is broken. */
static size_t
cut_at(const char *line, size_t size)
{
	if (size <= REPLY_LIMIT)
		return size;
	size = REPLY_LIMIT;
	while (size > 0 && ((unsigned char)line[size] & 0xc0) == 0x80)
		size--;
	return size;
}

static void
put_line(struct ph_lmtp *lmtp, const char *line, size_t size, bool last)
{
	size_t start = lmtp->out->len;

	g_string_append_len(lmtp->out, line, (gssize)cut_at(line, size));
	for (size_t i = start; i < lmtp->out->len; i++) {
		unsigned char c = (unsigned char)lmtp->out->str[i];

		if (c < 32 || c == 127 || (c > 127 && !lmtp->utf8))
			lmtp->out->str[i] = '?';
	}
	if (!last && lmtp->out->len > start + 3)
		lmtp->out->str[start + 3] = '-';
	g_string_append(lmtp->out, "\r\n");
}

void
ph_lmtp_put(struct ph_lmtp *lmtp, const char *text)
{
	for (;;) {
		size_t size = strcspn(text, "\n");
		bool last = text[size] == '\0';

		put_line(lmtp, text, size, last);
		if (last)
			return;
		text += size + 1;
	}
}

void
ph_lmtp_end_transaction(struct ph_lmtp *lmtp)
{
	lmtp->transaction = false;
	lmtp->utf8 = false;
	lmtp->too_big = false;
	lmtp->recipients = 0;
	lmtp->size = 0;
	lmtp->chunk = (struct ph_lmtp_chunk){.left = 0};
	forget(lmtp->xforward, PH_LMTP_XFORWARDS);
}

/* After a reply to the event that was asked about: what it changes. */
static void
apply_reply(struct ph_lmtp *lmtp, char class)
{
	bool yes = class == '2';

	switch (lmtp->asked) {
	case PH_LMTP_MAIL:
		lmtp->transaction = yes;
		lmtp->utf8 = lmtp->utf8 && yes;
		break;
	case PH_LMTP_RCPT:
		lmtp->recipients += yes;
		break;
	case PH_LMTP_DATA:
		if (class != '3')
			break;
		lmtp->stage = PH_LMTP_STAGE_CONTENT;
		lmtp->data = PH_LMTP_DATA_LINE;
		break;
	case PH_LMTP_DONE:
		if (lmtp->owed == 0)
			ph_lmtp_end_transaction(lmtp);
		break;
	case PH_LMTP_MORE:
	case PH_LMTP_CONTENT:
	case PH_LMTP_TOO_BIG:
	case PH_LMTP_RESET:
	case PH_LMTP_XCLIENT:
	case PH_LMTP_TLS:
	case PH_LMTP_QUIT:
	case PH_LMTP_CLOSE:
		g_assert_not_reached();
	}
}

void
ph_lmtp_reply(struct ph_lmtp *lmtp, const char *text)
{
	g_assert(lmtp->owed > 0);
	g_assert(g_ascii_isdigit(text[0]));
	lmtp->owed--;
	if (lmtp->asked == PH_LMTP_DATA && lmtp->chunk.asked) {
		ph_lmtp_chunk_begin(lmtp, text);
		return;
	}
	ph_lmtp_put(lmtp, text);
	apply_reply(lmtp, text[0]);
}

size_t
ph_lmtp_owed(const struct ph_lmtp *lmtp)
{
	return lmtp->owed;
}

bool
ph_lmtp_busy(const struct ph_lmtp *lmtp)
{
	return lmtp->stage == PH_LMTP_STAGE_CONTENT || lmtp->chunk.begun ||
	       lmtp->owed > 0;
}

const char *
ph_lmtp_output(const struct ph_lmtp *lmtp, size_t *size_r)
{
	*size_r = lmtp->out->len;
	return lmtp->out->str;
}

void
ph_lmtp_sent(struct ph_lmtp *lmtp, size_t size)
{
	g_string_erase(lmtp->out, 0, (gssize)size);
}

enum ph_lmtp_event
ph_lmtp_bad(struct ph_lmtp *lmtp, const char *text)
{
	if (++lmtp->errors < lmtp->limits.errors) {
		ph_lmtp_put(lmtp, text);
		return PH_LMTP_MORE;
	}
	ph_lmtp_put(lmtp, "421 4.7.0 Too many errors");
	lmtp->stage = PH_LMTP_STAGE_CLOSED;
	return PH_LMTP_CLOSE;
}

enum ph_lmtp_event
ph_lmtp_ask(struct ph_lmtp *lmtp, enum ph_lmtp_event event)
{
	lmtp->asked = event;
	lmtp->owed = event == PH_LMTP_DONE ? lmtp->recipients : 1;
	return event;
}

/* ---- input ------------------------------------------------------------- */

/* 1: one line, complete or the head of one that is too long, in *line_r and
 * *size_r without its end. 0: feed more. A lone LF ends a command, since
 * nothing can be smuggled into a command that ends too early. */
static int
take_line(struct ph_lmtp *lmtp, char **line_r, size_t *size_r)
{
	char *start = lmtp->in->str + lmtp->used;
	size_t left = lmtp->in->len - lmtp->used;
	char *lf = memchr(start, '\n', left);
	size_t size = lf ? (size_t)(lf - start) + 1 : left;

	if (!lf && size < lmtp->limits.line)
		return 0;
	lmtp->used += size;
	*line_r = start;
	*size_r = size;
	return 1;
}

static enum ph_lmtp_event
next_line(struct ph_lmtp *lmtp, char *line, size_t size)
{
	bool complete = line[size - 1] == '\n';
	bool tail = lmtp->skipping;

	lmtp->skipping = !complete;
	if (tail)
		return PH_LMTP_MORE;
	if (!complete || size > lmtp->limits.line)
		return ph_lmtp_bad(lmtp, "500 5.5.2 Line too long");
	line[--size] = '\0';
	if (size > 0 && line[size - 1] == '\r')
		line[--size] = '\0';
	if (memchr(line, '\0', size))
		return ph_lmtp_bad(lmtp, "500 5.5.2 NUL in a command");
	return ph_lmtp_run_line(lmtp, line);
}

enum ph_lmtp_event
ph_lmtp_piece(struct ph_lmtp *lmtp)
{
	lmtp->size += lmtp->content->len;
	if (lmtp->limits.size > 0 && lmtp->size > lmtp->limits.size)
		lmtp->too_big = true;
	return lmtp->content->len > 0 && !lmtp->too_big ? PH_LMTP_CONTENT
							: PH_LMTP_MORE;
}

static enum ph_lmtp_event
next_content(struct ph_lmtp *lmtp)
{
	const char *start = lmtp->in->str + lmtp->used;
	size_t left = MIN(lmtp->in->len - lmtp->used, PIECE);
	bool end;

	g_string_truncate(lmtp->content, 0);
	lmtp->used +=
	    ph_lmtp_unstuff(&lmtp->data, start, left, lmtp->content, &end);
	if (end)
		lmtp->stage = PH_LMTP_STAGE_FINAL;
	return ph_lmtp_piece(lmtp);
}

static enum ph_lmtp_event
finish(struct ph_lmtp *lmtp)
{
	lmtp->stage = PH_LMTP_STAGE_COMMAND;
	lmtp->errors = 0;
	if (!lmtp->too_big)
		return ph_lmtp_ask(lmtp, PH_LMTP_DONE);
	for (size_t i = 0; i < lmtp->recipients; i++)
		ph_lmtp_put(lmtp, "552 5.3.4 Message size exceeds the limit");
	ph_lmtp_end_transaction(lmtp);
	return PH_LMTP_TOO_BIG;
}

/* One step; MORE with input left means: step again. */
static enum ph_lmtp_event
step(struct ph_lmtp *lmtp, bool *again_r)
{
	char *line;
	size_t size;

	*again_r = true;
	switch (lmtp->stage) {
	case PH_LMTP_STAGE_COMMAND:
		if (take_line(lmtp, &line, &size))
			return next_line(lmtp, line, size);
		break;
	case PH_LMTP_STAGE_CONTENT:
		if (lmtp->used < lmtp->in->len)
			return next_content(lmtp);
		break;
	case PH_LMTP_STAGE_CHUNK:
		if (lmtp->used < lmtp->in->len || lmtp->chunk.left == 0)
			return ph_lmtp_chunk_next(lmtp);
		break;
	case PH_LMTP_STAGE_FINAL:
		return finish(lmtp);
	case PH_LMTP_STAGE_TLS:
		return PH_LMTP_TLS;
	case PH_LMTP_STAGE_QUIT:
		return PH_LMTP_QUIT;
	case PH_LMTP_STAGE_CLOSED:
		return PH_LMTP_CLOSE;
	}
	*again_r = false;
	return PH_LMTP_MORE;
}

enum ph_lmtp_event
ph_lmtp_next(struct ph_lmtp *lmtp, struct ph_lmtp_command *command_r)
{
	enum ph_lmtp_event event;
	bool again;

	g_assert(lmtp->owed == 0);
	do
		event = step(lmtp, &again);
	while (event == PH_LMTP_MORE && again);
	memset(command_r, 0, sizeof(*command_r));
	if (event == PH_LMTP_MAIL || event == PH_LMTP_RCPT) {
		command_r->address = lmtp->address->str;
		command_r->params = (const char *const *)lmtp->params->pdata;
	} else if (event == PH_LMTP_CONTENT) {
		command_r->content = lmtp->content->str;
		command_r->size = lmtp->content->len;
	}
	return event;
}

static const char *
attribute(const char *const *names, char *const *values, const char *name)
{
	int i = ph_lmtp_attribute_index(names, name, strlen(name));

	g_assert(i >= 0);
	return values[i] ? values[i] : "";
}

const char *
ph_lmtp_xforward(const struct ph_lmtp *lmtp, const char *name)
{
	return attribute(ph_lmtp_xforwards, lmtp->xforward, name);
}

const char *
ph_lmtp_xclient(const struct ph_lmtp *lmtp, const char *name)
{
	return attribute(ph_lmtp_xclients, lmtp->xclient, name);
}

const char *
ph_lmtp_helo(const struct ph_lmtp *lmtp)
{
	return lmtp->helo ? lmtp->helo : "";
}
