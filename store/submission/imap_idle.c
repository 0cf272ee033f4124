#include "store/submission/imap_private.h"

#include "lib/base/clock.h"

#include <string.h>

/* What is on its way to us when there is something to be read: a TLS record may
 * be half there. */
#define HEARD_MS 2000

/* Of one response while nothing was asked: 1: something changed; 0; -1: the
 * server wants no more. */
static int
judge(struct ph_imap *imap, const struct ph_imap_reply *reply,
      struct ph_err *err)
{
	ph_imap_look_at(imap, reply);
	if (strcmp(reply->word, "BYE") == 0 ||
	    g_strcmp0(reply->tag, imap->idle) == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s ended IDLE",
				  ph_stream_peer(imap->stream));
	/* "* OK Still here" is no news. */
	return reply->tokens != NULL;
}

/* All that has been read by now; as judge. */
static int
drain(struct ph_imap *imap, struct ph_err *err)
{
	struct ph_imap_reply reply;
	bool changed = false;
	int r;

	while ((r = ph_imap_parser_next(imap->parser, &reply, err)) == 1) {
		r = judge(imap, &reply, err);
		ph_imap_reply_clear(&reply);
		if (r < 0)
			return -1;
		changed |= r == 1;
	}
	return r < 0 ? -1 : changed;
}

/* A server may tell news before its "+", with it, and right behind it: what was
 * read with it will not make the descriptor readable again. */
int
ph_imap_idle(struct ph_imap *imap, struct ph_err *err)
{
	int64_t deadline = ph_imap_deadline(imap);
	g_autofree char *line = NULL;
	struct ph_imap_reply reply;
	bool begun = false, changed = imap->news;
	int r = 0;

	g_free(imap->idle);
	imap->idle = g_strdup_printf("p%u", ++imap->tag);
	line = g_strdup_printf("%s IDLE\r\n", imap->idle);
	if (ph_imap_write(imap, line, strlen(line), err) < 0)
		return -1;
	while (!begun && r >= 0) {
		if (ph_imap_read_reply(imap, deadline, &reply, err) < 0)
			return -1;
		begun = strcmp(reply.tag, "+") == 0;
		r = begun ? 0 : judge(imap, &reply, err);
		changed |= r == 1;
		ph_imap_reply_clear(&reply);
	}
	if (r >= 0)
		r = drain(imap, err);
	return r < 0 ? -1 : changed || r == 1;
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
	ssize_t n;

	ph_stream_set_timeout(imap->stream, MIN(imap->timeout, HEARD_MS));
	n = ph_stream_read(imap->stream, buffer, sizeof(buffer), err);
	if (n == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s closed the connection",
				  ph_stream_peer(imap->stream));
	if (n < 0)
		return -1;
	ph_imap_parser_feed(imap->parser, buffer, (size_t)n);
	return drain(imap, err);
}

int
ph_imap_idle_end(struct ph_imap *imap, struct ph_err *err)
{
	g_autofree char *tag = g_steal_pointer(&imap->idle);

	if (tag == NULL)
		return 0;
	if (ph_imap_write(imap, "DONE\r\n", 6, err) < 0)
		return -1;
	return ph_imap_read_until(imap, tag, NULL, NULL, NULL, NULL, err) == 1
		   ? 0
		   : -1;
}
