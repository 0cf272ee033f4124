#include "lib/base/tls.h"

#include "lib/base/clock.h"

#include <gio/gio.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A session; its stream's calls come from one thread at a time, not always the
 * same one, so that waiting has a main context of its own. */
struct tls {
	GMainContext *context;
	GIOStream *base;
	GTlsConnection *connection;
	enum ph_tls_verify verify;
	int fd;	     /* the stream's */
	bool broken; /* there may be something left to be written */
};

static bool
takes_more(const struct tls *tls)
{
	struct pollfd pfd = {.fd = tls->fd, .events = POLLOUT};

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT;
}

static void
tls_free(void *ctx)
{
	struct tls *tls = ctx;

	/* When GIO closes it says close_notify, behind what is left to be
	 * written, and waits for ever for a peer that takes none of it. */
	if (tls->broken || !takes_more(tls))
		(void)shutdown(tls->fd, SHUT_RDWR);
	if (tls->connection != NULL)
		g_object_unref(tls->connection);
	if (tls->base != NULL)
		g_object_unref(tls->base);
	g_main_context_unref(tls->context);
	g_free(tls);
}

/* ---- waiting ------------------------------------------------------------- */

struct wait {
	bool ready, late;
	GAsyncResult *result; /* of the handshake */
	GCancellable *cancel;
};

static gboolean
on_late(gpointer arg)
{
	struct wait *wait = arg;

	wait->late = true;
	if (wait->cancel != NULL)
		g_cancellable_cancel(wait->cancel);
	return G_SOURCE_REMOVE;
}

static gboolean
on_ready(GObject *stream, gpointer arg)
{
	struct wait *wait = arg;

	(void)stream;
	wait->ready = true;
	return G_SOURCE_REMOVE;
}

static void
on_done(GObject *source, GAsyncResult *result, gpointer arg)
{
	struct wait *wait = arg;

	(void)source;
	wait->result = g_object_ref(result);
	wait->ready = true;
}

/* NULL: no limit. */
static GSource *
add_limit(struct tls *tls, struct wait *wait, int64_t deadline)
{
	GSource *limit;

	if (deadline == 0)
		return NULL;
	limit = g_timeout_source_new(
	    (guint)CLAMP(deadline - ph_clock_mono(), 0, G_MAXINT));
	g_source_set_callback(limit, on_late, wait, NULL);
	g_source_attach(limit, tls->context);
	return limit;
}

static void
drop(GSource *source)
{
	if (source == NULL)
		return;
	g_source_destroy(source);
	g_source_unref(source);
}

/* Takes the source. False: the deadline came first. */
static bool
wait_for(struct tls *tls, GSource *source, int64_t deadline)
{
	struct wait wait = {.ready = false};
	GSource *limit = add_limit(tls, &wait, deadline);

	g_source_set_callback(source, G_SOURCE_FUNC(on_ready), &wait, NULL);
	g_source_attach(source, tls->context);
	while (!wait.ready && !wait.late)
		g_main_context_iteration(tls->context, TRUE);
	drop(source);
	drop(limit);
	return wait.ready;
}

static int
fail(const char *what, const GError *error, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "TLS %s: %s", what,
			  error != NULL ? error->message : "timed out");
}

/* ---- the layer ----------------------------------------------------------- */

static bool
would_block(const GError *error)
{
	return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
}

static ssize_t
tls_read(void *ctx, void *buffer, size_t size, int64_t deadline,
	 struct ph_err *err)
{
	struct tls *tls = ctx;
	GPollableInputStream *in = G_POLLABLE_INPUT_STREAM(
	    g_io_stream_get_input_stream(G_IO_STREAM(tls->connection)));

	for (;;) {
		g_autoptr(GError) error = NULL;
		gssize n = g_pollable_input_stream_read_nonblocking(
		    in, buffer, size, NULL, &error);

		if (n >= 0)
			return n;
		if (!would_block(error))
			return fail("read", error, err);
		if (!wait_for(tls,
			      g_pollable_input_stream_create_source(in, NULL),
			      deadline))
			return fail("read", NULL, err);
	}
}

static ssize_t
tls_write(void *ctx, const void *data, size_t size, int64_t deadline,
	  struct ph_err *err)
{
	struct tls *tls = ctx;
	GPollableOutputStream *out = G_POLLABLE_OUTPUT_STREAM(
	    g_io_stream_get_output_stream(G_IO_STREAM(tls->connection)));

	for (;;) {
		g_autoptr(GError) error = NULL;
		gssize n = g_pollable_output_stream_write_nonblocking(
		    out, data, size, NULL, &error);

		if (n > 0)
			return n;
		tls->broken = true;
		if (!would_block(error))
			return fail("write", error, err);
		if (!wait_for(tls,
			      g_pollable_output_stream_create_source(out, NULL),
			      deadline))
			return fail("write", NULL, err);
		tls->broken = false;
	}
}

static const struct ph_stream_layer layer = {tls_read, tls_write, tls_free};

/* ---- the handshake ------------------------------------------------------- */

/* What GIO has found wrong is weighed here. */
static gboolean
on_certificate(GTlsConnection *connection, GTlsCertificate *certificate,
	       GTlsCertificateFlags wrong, gpointer arg)
{
	const struct tls *tls = arg;

	(void)connection;
	(void)certificate;
	switch (tls->verify) {
	case PH_TLS_ANY:
		return TRUE;
	case PH_TLS_CA:
		return (wrong | G_TLS_CERTIFICATE_BAD_IDENTITY) ==
		       G_TLS_CERTIFICATE_BAD_IDENTITY;
	case PH_TLS_NAME:
		break;
	}
	return FALSE;
}

static int
set_files(struct tls *tls, const struct ph_tls_options *options,
	  struct ph_err *err)
{
	GTlsConnection *connection = tls->connection;
	g_autoptr(GTlsCertificate) certificate = NULL;
	g_autoptr(GTlsDatabase) database = NULL;
	g_autoptr(GError) error = NULL;

	if (options->ca_file != NULL && *options->ca_file != '\0') {
		database = g_tls_file_database_new(options->ca_file, &error);
		if (database == NULL)
			return ph_err_set(err, PH_ERR_PERM, "%s: %s",
					  options->ca_file, error->message);
		g_tls_connection_set_database(connection, database);
	}
	if (options->cert_file == NULL || *options->cert_file == '\0')
		return 0;
	certificate = g_tls_certificate_new_from_files(
	    options->cert_file,
	    options->key_file != NULL && *options->key_file != '\0'
		? options->key_file
		: options->cert_file,
	    &error);
	if (certificate == NULL)
		return ph_err_set(err, PH_ERR_PERM, "%s: %s",
				  options->cert_file, error->message);
	g_tls_connection_set_certificate(connection, certificate);
	return 0;
}

static int
shake_hands(struct tls *tls, int64_t deadline, struct ph_err *err)
{
	g_autoptr(GCancellable) cancel = g_cancellable_new();
	struct wait wait = {.cancel = cancel};
	g_autoptr(GError) error = NULL;
	gboolean done;
	GSource *limit;

	g_main_context_push_thread_default(tls->context);
	limit = add_limit(tls, &wait, deadline);
	g_tls_connection_handshake_async(tls->connection, G_PRIORITY_DEFAULT,
					 cancel, on_done, &wait);
	while (!wait.ready)
		g_main_context_iteration(tls->context, TRUE);
	drop(limit);
	g_main_context_pop_thread_default(tls->context);
	done = g_tls_connection_handshake_finish(tls->connection, wait.result,
						 &error);
	g_object_unref(wait.result);
	return done ? 0 : fail("handshake", wait.late ? NULL : error, err);
}

/*
 * As a plain pair of streams: GIO would remember the sessions of a socket by
 * its far end, and a session that is resumed is one whose certificate nobody
 * looks at, whatever was thought of it the first time.
 */
static GIOStream *
wrap(const struct ph_stream *stream, GError **error)
{
	int fd = dup(ph_stream_fd(stream));
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, error);
	g_autoptr(GSocketConnection) connection = NULL;
	GIOStream *base;

	if (socket == NULL) {
		close(fd);
		return NULL;
	}
	connection = g_socket_connection_factory_create_connection(socket);
	base = g_simple_io_stream_new(
	    g_io_stream_get_input_stream(G_IO_STREAM(connection)),
	    g_io_stream_get_output_stream(G_IO_STREAM(connection)));
	/* Its streams live no longer than the connection. */
	g_object_set_data_full(G_OBJECT(base), "connection",
			       g_steal_pointer(&connection), g_object_unref);
	return base;
}

static int
begin(struct tls *tls, GIOStream *connection,
      const struct ph_tls_options *options, const GError *error,
      struct ph_err *err)
{
	if (connection == NULL)
		return fail("set-up", error, err);
	tls->connection = G_TLS_CONNECTION(connection);
	g_tls_connection_set_require_close_notify(tls->connection, FALSE);
	g_signal_connect(connection, "accept-certificate",
			 G_CALLBACK(on_certificate), tls);
	return set_files(tls, options, err);
}

static int
begin_client(struct tls *tls, const struct ph_stream *stream,
	     const struct ph_tls_options *options, struct ph_err *err)
{
	g_autoptr(GSocketConnectable) name = NULL;
	g_autoptr(GError) error = NULL;
	GIOStream *connection = NULL;

	g_assert(options->verify != PH_TLS_NAME || options->name != NULL);
	if (options->name != NULL)
		name = g_network_address_new(options->name, 25);
	tls->verify = options->verify;
	tls->base = wrap(stream, &error);
	if (tls->base != NULL)
		connection =
		    g_tls_client_connection_new(tls->base, name, &error);
	return begin(tls, connection, options, error, err);
}

static int
begin_server(struct tls *tls, const struct ph_stream *stream,
	     const struct ph_tls_options *options, struct ph_err *err)
{
	g_autoptr(GError) error = NULL;
	GIOStream *connection = NULL;

	tls->verify = PH_TLS_ANY;
	tls->base = wrap(stream, &error);
	if (tls->base != NULL)
		connection =
		    g_tls_server_connection_new(tls->base, NULL, &error);
	if (connection != NULL)
		g_object_set(connection, "authentication-mode",
			     G_TLS_AUTHENTICATION_REQUESTED, NULL);
	return begin(tls, connection, options, error, err);
}

static int
start(struct ph_stream *stream, const struct ph_tls_options *options,
      int (*begin_side)(struct tls *tls, const struct ph_stream *stream,
			const struct ph_tls_options *options,
			struct ph_err *err),
      struct ph_err *err)
{
	struct tls *tls = g_new0(struct tls, 1);

	tls->context = g_main_context_new();
	tls->fd = ph_stream_fd(stream);
	tls->broken = true;
	if (begin_side(tls, stream, options, err) < 0 ||
	    shake_hands(tls, ph_stream_deadline(stream), err) < 0) {
		tls_free(tls);
		return -1;
	}
	tls->broken = false;
	ph_stream_put(stream, &layer, tls);
	return 0;
}

int
ph_tls_start(struct ph_stream *stream, const struct ph_tls_options *options,
	     struct ph_err *err)
{
	return start(stream, options, begin_client, err);
}

int
ph_tls_accept(struct ph_stream *stream, const struct ph_tls_options *options,
	      struct ph_err *err)
{
	return start(stream, options, begin_server, err);
}

bool
ph_tls_proves(const struct ph_stream *stream, const char *name)
{
	const struct tls *tls = ph_stream_layer_ctx(stream, &layer);
	GTlsCertificate *certificate;
	GTlsDatabase *database;
	g_autoptr(GSocketConnectable) identity = NULL;

	if (tls == NULL)
		return false;
	certificate = g_tls_connection_get_peer_certificate(tls->connection);
	database = g_tls_connection_get_database(tls->connection);
	if (certificate == NULL || database == NULL)
		return false;
	identity = g_network_address_new(name, 25);
	return g_tls_database_verify_chain(
		   database, certificate,
		   G_TLS_DATABASE_PURPOSE_AUTHENTICATE_CLIENT, identity, NULL,
		   G_TLS_DATABASE_VERIFY_NONE, NULL, NULL) == 0;
}
