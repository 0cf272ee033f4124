#ifndef PH_BASE_STREAM_H
#define PH_BASE_STREAM_H

#include "lib/base/err.h"
#include "lib/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A connected byte stream over a UNIX or TCP socket, blocking, with a deadline
 * on each call. Not thread-safe, but ph_stream_shutdown may be called from
 * another thread to end a wait.
 */
struct ph_stream;

/*
 * Connects within timeout_ms, the look-up of a name in it. bind_address (NULL
 * is fine) is the local address of a TCP connection. 0 and *stream_r, or -1
 * with TEMP.
 */
int ph_stream_connect(const struct ph_endpoint *endpoint,
		      const char *bind_address, int64_t timeout_ms,
		      struct ph_stream **stream_r, struct ph_err *err);

/* Until when the first of these addresses may be tried: one that does not
 * answer leaves to those behind it the same time as it had, for a host may be
 * reached by one of its addresses alone. Monotonic ms; at least one address. */
struct addrinfo;
int64_t ph_connect_deadline(const struct addrinfo *list, int64_t deadline);

/* Takes the descriptor. */
struct ph_stream *ph_stream_new(int fd);
void ph_stream_free(struct ph_stream **stream); /* closes; NULL is fine */

/* For the calls that follow; 0 waits for ever (tests only). Default 60 s. */
void ph_stream_set_timeout(struct ph_stream *stream, int64_t timeout_ms);

/* Waits for at least one byte. More than 0: bytes read; 0: end of stream;
 * -1: TEMP, timed out or broken. */
ssize_t ph_stream_read(struct ph_stream *stream, void *buffer, size_t size,
		       struct ph_err *err);

/* All or nothing: 0, or -1 with TEMP. Never raises SIGPIPE. */
int ph_stream_write(struct ph_stream *stream, const void *data, size_t size,
		    struct ph_err *err);

/* The other end's address ("192.0.2.1", "2001:db8::1"), "local" for a UNIX
 * socket; borrowed. */
const char *ph_stream_peer(const struct ph_stream *stream);

/*
 * What is between the caller and the socket from now on, such as TLS. Each call
 * ends by the deadline (monotonic ms; 0: never): bytes, 0 end of stream (of
 * read), -1 TEMP. ctx is the stream's to free.
 */
struct ph_stream_layer {
	ssize_t (*read)(void *ctx, void *buffer, size_t size, int64_t deadline,
			struct ph_err *err);
	ssize_t (*write)(void *ctx, const void *data, size_t size,
			 int64_t deadline, struct ph_err *err);
	void (*free)(void *ctx);
};
/* One at most. The layer is borrowed for ever. */
void ph_stream_put(struct ph_stream *stream,
		   const struct ph_stream_layer *layer, void *ctx);
/* ctx of a stream that has this layer; else NULL. */
const void *ph_stream_layer_ctx(const struct ph_stream *stream,
				const struct ph_stream_layer *layer);
int ph_stream_fd(const struct ph_stream *stream); /* borrowed */
/* When a call that begins now has to end; 0: never. */
int64_t ph_stream_deadline(const struct ph_stream *stream);

/*
 * A server holds the stream while it is inside a transaction that a graceful
 * stop should not cut; between transactions it is idle, and a stop wakes it
 * with end of stream.
 */
void ph_stream_hold(struct ph_stream *stream, bool held);
bool ph_stream_held(const struct ph_stream *stream);

/* Wakes a waiting reader with end of stream. */
void ph_stream_shutdown(struct ph_stream *stream);

#endif
