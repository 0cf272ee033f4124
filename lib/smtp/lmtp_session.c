#include "lib/smtp/lmtp_session.h"

enum { READ_SIZE = 65536 };

/* ---- events ------------------------------------------------------------ */

static enum ph_lmtp_state
answer_done(struct ph_lmtp *lmtp, const struct ph_lmtp_calls *calls,
	    void *context)
{
	size_t owed = ph_lmtp_owed(lmtp);

	calls->done(context);
	g_assert(ph_lmtp_owed(lmtp) < owed);
	if (ph_lmtp_owed(lmtp) == 0)
		calls->reset(context);
	return PH_LMTP_STATE_AGAIN;
}

/* True: there may be more to do before anything is sent or read. */
static bool
on_event(struct ph_lmtp *lmtp, const struct ph_lmtp_calls *calls, void *context,
	 enum ph_lmtp_state *state_r)
{
	struct ph_lmtp_command command;

	switch (ph_lmtp_next(lmtp, &command)) {
	case PH_LMTP_MAIL:
		calls->mail(context, &command);
		return true;
	case PH_LMTP_RCPT:
		calls->rcpt(context, &command);
		return true;
	case PH_LMTP_DATA:
		calls->data(context);
		return true;
	case PH_LMTP_CONTENT:
		calls->content(context, &command);
		return true;
	case PH_LMTP_DONE:
		*state_r = answer_done(lmtp, calls, context);
		return false;
	case PH_LMTP_TOO_BIG:
	case PH_LMTP_RESET:
		calls->reset(context);
		return true;
	case PH_LMTP_XCLIENT:
		calls->client(context);
		return true;
	case PH_LMTP_MORE:
		*state_r = PH_LMTP_STATE_MORE;
		return false;
	case PH_LMTP_TLS:
		*state_r = PH_LMTP_STATE_TLS;
		return false;
	case PH_LMTP_QUIT:
	case PH_LMTP_CLOSE:
		calls->reset(context);
		*state_r = PH_LMTP_STATE_END;
		return false;
	}
	g_assert_not_reached();
}

enum ph_lmtp_state
ph_lmtp_step(struct ph_lmtp *lmtp, const struct ph_lmtp_calls *calls,
	     void *context)
{
	enum ph_lmtp_state state;

	if (ph_lmtp_owed(lmtp) > 0)
		return answer_done(lmtp, calls, context);
	while (on_event(lmtp, calls, context, &state))
		;
	return state;
}

/* ---- a connection ------------------------------------------------------ */

static int
send_output(struct ph_lmtp *lmtp, struct ph_stream *stream, struct ph_err *err)
{
	size_t size;
	const char *output = ph_lmtp_output(lmtp, &size);

	if (size > 0 && ph_stream_write(stream, output, size, err) < 0)
		return -1;
	ph_lmtp_sent(lmtp, size);
	/* Not before the answers are out. */
	ph_stream_hold(stream, ph_lmtp_busy(lmtp));
	return 0;
}

static int
read_input(struct ph_lmtp *lmtp, struct ph_stream *stream, char *buffer,
	   struct ph_err *err)
{
	ssize_t n = ph_stream_read(stream, buffer, READ_SIZE, err);

	if (n <= 0)
		return (int)n;
	ph_stream_hold(stream, true);
	ph_lmtp_feed(lmtp, buffer, (size_t)n);
	return 1;
}

static int
shake_hands(struct ph_lmtp *lmtp, const struct ph_lmtp_calls *calls,
	    void *context, struct ph_stream *stream,
	    const struct ph_tls_options *tls, struct ph_err *err)
{
	if (ph_tls_accept(stream, tls, err) < 0)
		return -1;
	ph_lmtp_secure(lmtp);
	calls->secure(context, stream);
	return 0;
}

int
ph_lmtp_serve(struct ph_lmtp *lmtp, const struct ph_lmtp_calls *calls,
	      void *context, struct ph_stream *stream,
	      const struct ph_tls_options *tls, struct ph_err *err)
{
	g_autofree char *buffer = g_malloc(READ_SIZE);
	enum ph_lmtp_state state = PH_LMTP_STATE_MORE;
	int r = send_output(lmtp, stream, err);

	while (r >= 0 && state != PH_LMTP_STATE_END) {
		if (state == PH_LMTP_STATE_MORE) {
			r = read_input(lmtp, stream, buffer, err);
			if (r <= 0)
				break;
		}
		state = ph_lmtp_step(lmtp, calls, context);
		r = send_output(lmtp, stream, err);
		if (r >= 0 && state == PH_LMTP_STATE_TLS) {
			r = shake_hands(lmtp, calls, context, stream, tls, err);
			state = PH_LMTP_STATE_MORE;
		}
	}
	return r < 0 ? -1 : 0;
}
