#include "lib/base/socketmap.h"

#include "lib/base/text.h"

#include <string.h>

struct ph_smap {
	GString *buffer; /* what was fed and not yet handed out */
	size_t used;	 /* of buffer, by requests handed out */
	char *map;
	char *key; /* or the text of an answer */
	bool broken;
};

struct ph_smap *
ph_smap_new(void)
{
	struct ph_smap *p = g_new0(struct ph_smap, 1);

	p->buffer = g_string_new(NULL);
	return p;
}

void
ph_smap_free(struct ph_smap **p)
{
	if (*p == NULL)
		return;
	g_string_free((*p)->buffer, TRUE);
	g_free((*p)->map);
	g_free((*p)->key);
	g_free(*p);
	*p = NULL;
}

void
ph_smap_feed(struct ph_smap *p, const void *data, size_t size)
{
	if (p->used > 0) {
		g_string_erase(p->buffer, 0, (gssize)p->used);
		p->used = 0;
	}
	g_string_append_len(p->buffer, data, (gssize)size);
}

static int
broken(struct ph_smap *p, struct ph_err *err, const char *what)
{
	p->broken = true;
	return ph_err_set(err, PH_ERR_PEER, "socketmap: %s", what);
}

/* 1: *length_r and where the data starts; 0: more; -1. */
static int
parse_length(struct ph_smap *p, size_t limit, size_t *length_r, size_t *start_r,
	     struct ph_err *err)
{
	const char *text = p->buffer->str + p->used;
	size_t left = p->buffer->len - p->used, length = 0, digits = 0, i;

	for (size_t rest = limit; rest > 0; rest /= 10)
		digits++; /* more are never needed */
	for (i = 0; i < left && g_ascii_isdigit(text[i]); i++) {
		if (i == digits)
			return broken(p, err, "message is too long");
		length = length * 10 + (size_t)(text[i] - '0');
	}
	if (length > limit)
		return broken(p, err, "message is too long");
	if (i == left)
		return 0;
	if (i == 0 || text[i] != ':')
		return broken(p, err, "message does not start with a length");
	*length_r = length;
	*start_r = p->used + i + 1;
	return 1;
}

/* 1: a netstring, *data_r borrowed; 0: more; -1. */
static int
next_netstring(struct ph_smap *p, size_t limit, const char **data_r,
	       size_t *length_r, struct ph_err *err)
{
	size_t start = 0;
	int r;

	if (p->broken)
		return broken(p, err, "broken before");
	r = parse_length(p, limit, length_r, &start, err);
	if (r != 1)
		return r;
	if (p->buffer->len < start + *length_r + 1)
		return 0;
	if (p->buffer->str[start + *length_r] != ',')
		return broken(p, err, "message does not end with a comma");
	*data_r = p->buffer->str + start;
	p->used = start + *length_r + 1;
	return 1;
}

static int
parse_request(struct ph_smap *p, const char *data, size_t length,
	      struct ph_err *err)
{
	const char *blank;

	if (memchr(data, '\0', length) != NULL)
		return broken(p, err, "request holds NUL");
	blank = memchr(data, ' ', length);
	if (blank == NULL || blank == data)
		return broken(p, err, "request is not \"map key\"");
	g_free(p->map);
	g_free(p->key);
	p->map = g_strndup(data, (gsize)(blank - data));
	p->key = g_strndup(blank + 1, length - (gsize)(blank + 1 - data));
	return 1;
}

int
ph_smap_next(struct ph_smap *p, struct ph_smap_request *req_r,
	     struct ph_err *err)
{
	const char *data = "";
	size_t length = 0;
	int r = next_netstring(p, PH_SMAP_REQUEST_LIMIT, &data, &length, err);

	if (r != 1)
		return r;
	if (parse_request(p, data, length, err) != 1)
		return -1;
	req_r->map = p->map;
	req_r->key = p->key;
	return 1;
}

static const char *const status_words[] = {
    [PH_SMAP_OK] = "OK",     [PH_SMAP_NOTFOUND] = "NOTFOUND",
    [PH_SMAP_TEMP] = "TEMP", [PH_SMAP_TIMEOUT] = "TIMEOUT",
    [PH_SMAP_PERM] = "PERM",
};

void
ph_smap_reply(GString *out, enum ph_smap_status status, const char *text)
{
	size_t length = strlen(status_words[status]) + 1 + strlen(text);
	char digits[PH_NUMBER_TEXT];

	if (length > PH_SMAP_REPLY_LIMIT) {
		ph_smap_reply(out, PH_SMAP_PERM, "the answer is too long");
		return;
	}
	/* Postfix wants the blank even when nothing follows. */
	g_string_append(out, ph_format_number(length, digits));
	g_string_append_c(out, ':');
	g_string_append(out, status_words[status]);
	g_string_append_c(out, ' ');
	g_string_append(out, text);
	g_string_append_c(out, ',');
}

/* ---- the other side ----------------------------------------------------- */

const char *
ph_smap_status_word(enum ph_smap_status status)
{
	return status_words[status];
}

void
ph_smap_request(GString *out, const char *map, const char *key)
{
	g_string_append_printf(out, "%zu:%s %s,", strlen(map) + 1 + strlen(key),
			       map, key);
}

/* The status and, behind a blank, the text. */
static int
parse_answer(struct ph_smap *p, const char *data, size_t length,
	     struct ph_smap_answer *answer_r, struct ph_err *err)
{
	const char *blank = memchr(data, ' ', length);
	const size_t size = blank != NULL ? (size_t)(blank - data) : length;

	if (memchr(data, '\0', length) != NULL)
		return broken(p, err, "answer holds NUL");
	for (size_t i = 0; i < G_N_ELEMENTS(status_words); i++) {
		if (strlen(status_words[i]) != size ||
		    memcmp(status_words[i], data, size) != 0)
			continue;
		g_free(p->key);
		p->key = blank != NULL ? g_strndup(blank + 1, length - size - 1)
				       : g_strdup("");
		answer_r->status = (enum ph_smap_status)i;
		answer_r->text = p->key;
		return 1;
	}
	return broken(p, err, "answer is not a status and a text");
}

int
ph_smap_next_answer(struct ph_smap *p, struct ph_smap_answer *answer_r,
		    struct ph_err *err)
{
	const char *data = "";
	size_t length = 0;
	int r = next_netstring(p, PH_SMAP_REPLY_LIMIT, &data, &length, err);

	return r == 1 ? parse_answer(p, data, length, answer_r, err) : r;
}

enum ph_smap_status
ph_smap_status_of(enum ph_err_kind kind)
{
	switch (kind) {
	case PH_ERR_PERM:
	case PH_ERR_PEER:
		return PH_SMAP_PERM;
	case PH_ERR_NONE:
	case PH_ERR_TEMP:
	case PH_ERR_MAYBE:
		break;
	}
	return PH_SMAP_TEMP;
}
