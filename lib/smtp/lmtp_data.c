#include "lib/smtp/lmtp_private.h"

#include <string.h>

/* Passes text on up to and with its next CR; returns how much that was. */
static size_t
pass_text(enum ph_lmtp_data_state *state, const char *data, size_t size,
	  GString *out)
{
	const char *cr = memchr(data, '\r', size);
	size_t n = cr ? (size_t)(cr - data) + 1 : size;

	g_string_append_len(out, data, (gssize)n);
	*state = cr ? PH_LMTP_DATA_CR : PH_LMTP_DATA_TEXT;
	return n;
}

/* Every function takes one step and returns the bytes it used, at times none
 * because the byte is to be seen again in the next state. */
static size_t
step(enum ph_lmtp_data_state *state, const char *data, size_t size,
     GString *out, bool *end_r)
{
	switch (*state) {
	case PH_LMTP_DATA_LINE:
		if (*data != '.')
			return pass_text(state, data, size, out);
		*state = PH_LMTP_DATA_DOT;
		return 1;
	case PH_LMTP_DATA_TEXT:
		return pass_text(state, data, size, out);
	case PH_LMTP_DATA_CR:
		if (*data != '\n')
			return pass_text(state, data, size, out);
		g_string_append_c(out, '\n');
		*state = PH_LMTP_DATA_LINE;
		return 1;
	case PH_LMTP_DATA_DOT:
		if (*data != '\r')
			return pass_text(state, data, size, out);
		*state = PH_LMTP_DATA_DOT_CR;
		return 1;
	case PH_LMTP_DATA_DOT_CR:
		if (*data == '\n') {
			*end_r = true;
			*state = PH_LMTP_DATA_LINE;
			return 1;
		}
		g_string_append_c(out, '\r');
		*state = PH_LMTP_DATA_CR;
		return 0;
	}
	g_assert_not_reached();
}

size_t
ph_lmtp_unstuff(enum ph_lmtp_data_state *state, const char *data, size_t size,
		GString *out, bool *end_r)
{
	size_t used = 0;

	*end_r = false;
	while (used < size && !*end_r)
		used += step(state, data + used, size - used, out, end_r);
	return used;
}
