#include "lib/smtp/lmtp_private.h"

#include <string.h>

/*
 * BDAT, RFC 3030. Its bytes follow the command at once, whatever becomes of it,
 * so those of a chunk that is refused are read and thrown away. After a refusal
 * the client has to reset: a later chunk must not be taken for the beginning of
 * a message.
 */

enum { PIECE = 65536 };

/* ---- the command ------------------------------------------------------- */

/* 1*20DIGIT, and LAST or not. */
static bool
parse(const char *arguments, struct ph_lmtp_chunk *chunk)
{
	size_t digits = strspn(arguments, "0123456789");
	g_autofree char *number = g_strndup(arguments, digits);
	const char *rest = arguments + digits;

	if (digits > 20 || !g_ascii_string_to_unsigned(
			       number, 10, 0, G_MAXUINT64, &chunk->size, NULL))
		return false;
	chunk->left = chunk->size;
	if (!*rest) {
		chunk->last = false;
		return true;
	}
	if (*rest != ' ')
		return false;
	while (*rest == ' ')
		rest++;
	chunk->last = g_ascii_strcasecmp(rest, "LAST") == 0;
	return chunk->last;
}

static enum ph_lmtp_event
refuse(struct ph_lmtp *lmtp, const char *text)
{
	lmtp->chunk.refused = lmtp->transaction;
	lmtp->chunk.discard = true;
	lmtp->stage = PH_LMTP_STAGE_CHUNK;
	ph_lmtp_put(lmtp, text);
	return PH_LMTP_MORE;
}

/* Without a size nobody knows where the next command begins. */
static enum ph_lmtp_event
give_up(struct ph_lmtp *lmtp)
{
	ph_lmtp_put(lmtp, "521 5.5.4 Syntax: BDAT size [LAST]");
	lmtp->stage = PH_LMTP_STAGE_CLOSED;
	return PH_LMTP_CLOSE;
}

/* Known from the command: the message will be above the limit. */
static bool
above_limit(const struct ph_lmtp *lmtp)
{
	uint64_t limit = lmtp->limits.size;

	return limit > 0 &&
	       (lmtp->size > limit || lmtp->chunk.size > limit - lmtp->size);
}

enum ph_lmtp_event
ph_lmtp_bdat(struct ph_lmtp *lmtp, const char *arguments)
{
	struct ph_lmtp_chunk *chunk = &lmtp->chunk;

	if (!parse(arguments, chunk))
		return give_up(lmtp);
	chunk->discard = false;
	if (!lmtp->transaction)
		return refuse(lmtp, "503 5.5.1 Need MAIL command");
	if (lmtp->recipients == 0)
		return refuse(lmtp, "503 5.5.1 No valid recipients");
	if (chunk->refused)
		return refuse(lmtp, "503 5.5.1 A chunk was refused: RSET");
	if (above_limit(lmtp))
		lmtp->too_big = true;
	chunk->asked = !chunk->begun;
	if (chunk->asked)
		return ph_lmtp_ask(lmtp, PH_LMTP_DATA);
	lmtp->stage = PH_LMTP_STAGE_CHUNK;
	return PH_LMTP_MORE;
}

void
ph_lmtp_chunk_begin(struct ph_lmtp *lmtp, const char *text)
{
	lmtp->chunk.asked = false;
	if (*text != '3') {
		refuse(lmtp, text);
		return;
	}
	lmtp->chunk.begun = true;
	lmtp->stage = PH_LMTP_STAGE_CHUNK;
}

/* ---- its bytes --------------------------------------------------------- */

static enum ph_lmtp_event
end_chunk(struct ph_lmtp *lmtp)
{
	g_autofree char *text = NULL;

	lmtp->stage = PH_LMTP_STAGE_COMMAND;
	if (lmtp->chunk.discard)
		return PH_LMTP_MORE;
	if (lmtp->chunk.last) {
		lmtp->stage = PH_LMTP_STAGE_FINAL;
		return PH_LMTP_MORE;
	}
	if (lmtp->too_big) {
		ph_lmtp_put(lmtp, "552 5.3.4 Message size exceeds the limit");
		ph_lmtp_end_transaction(lmtp);
		return PH_LMTP_TOO_BIG;
	}
	text = g_strdup_printf("250 2.0.0 %" G_GUINT64_FORMAT " octets",
			       lmtp->chunk.size);
	ph_lmtp_put(lmtp, text);
	return PH_LMTP_MORE;
}

enum ph_lmtp_event
ph_lmtp_chunk_next(struct ph_lmtp *lmtp)
{
	const char *start = lmtp->in->str + lmtp->used;
	uint64_t left = MIN(lmtp->chunk.left, (uint64_t)PIECE);
	size_t n = MIN(lmtp->in->len - lmtp->used, (size_t)left);

	if (lmtp->chunk.left == 0)
		return end_chunk(lmtp);
	lmtp->chunk.left -= n;
	lmtp->used += n;
	g_string_truncate(lmtp->content, 0);
	if (!lmtp->chunk.discard)
		g_string_append_len(lmtp->content, start, (gssize)n);
	return ph_lmtp_piece(lmtp);
}
