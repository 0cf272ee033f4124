#include "lib/base/clock.h"
#include "lib/state/redis_private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
ph_redis_conn_free(struct ph_redis_conn **conn)
{
	if (*conn == NULL)
		return;
	if ((*conn)->fd >= 0)
		close((*conn)->fd);
	redisReaderFree((*conn)->reader);
	g_free(*conn);
	*conn = NULL;
}

bool
ph_redis_conn_alive(const struct ph_redis_conn *conn)
{
	struct pollfd p = {.fd = conn->fd, .events = POLLIN};

	/* Nothing is outstanding, so readable means closed or out of step. */
	return poll(&p, 1, 0) == 0;
}

void
ph_redis_format(GString *out, const struct ph_command *command)
{
	g_string_append_printf(out, "*%zu\r\n", command->n);
	for (size_t i = 0; i < command->n; i++) {
		const size_t size = command->sizes != NULL
					? command->sizes[i]
					: strlen(command->args[i]);

		g_string_append_printf(out, "$%zu\r\n", size);
		g_string_append_len(out, command->args[i], (gssize)size);
		g_string_append(out, "\r\n");
	}
}

/* *written_r counts also when the rest fails. */
static int
write_some(struct ph_redis_conn *conn, const GString *out, int64_t deadline,
	   size_t *written_r, struct ph_err *err)
{
	*written_r = 0;
	while (*written_r < out->len) {
		/* MSG_NOSIGNAL: a closed peer is an error, not SIGPIPE. */
		const ssize_t r = send(conn->fd, out->str + *written_r,
				       out->len - *written_r, MSG_NOSIGNAL);

		if (r >= 0)
			*written_r += (size_t)r;
		else if (errno == EAGAIN) {
			if (ph_redis_socket_wait(conn->fd, POLLOUT, deadline,
						 err) != 0)
				break;
		} else if (errno != EINTR) {
			ph_err_set(err, PH_ERR_TEMP, "send: %s",
				   g_strerror(errno));
			break;
		}
	}
	if (*written_r == out->len)
		return 0;
	conn->broken = true;
	return -1;
}

int
ph_redis_conn_write(struct ph_redis_conn *conn, const GString *out,
		    int64_t deadline, struct ph_err *err)
{
	size_t written;

	return write_some(conn, out, deadline, &written, err);
}

int
ph_redis_conn_fill(struct ph_redis_conn *conn, struct ph_err *err)
{
	char buffer[16384];
	ssize_t r;

	do
		r = recv(conn->fd, buffer, sizeof(buffer), 0);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EAGAIN)
		return 0;
	if (r <= 0) {
		conn->broken = true;
		return ph_err_set(err, PH_ERR_TEMP, "%s",
				  r == 0 ? "the connection was closed"
					 : g_strerror(errno));
	}
	redisReaderFeed(conn->reader, buffer, (size_t)r);
	return 1;
}

int
ph_redis_conn_parsed(struct ph_redis_conn *conn, struct ph_reply **reply_r,
		     struct ph_err *err)
{
	void *reply = NULL;

	if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK) {
		conn->broken = true;
		return ph_err_set(err, PH_ERR_PEER,
				  "not the protocol of "
				  "Redis: %s",
				  conn->reader->errstr);
	}
	*reply_r = reply;
	return reply != NULL;
}

int
ph_redis_conn_reply(struct ph_redis_conn *conn, int64_t deadline,
		    struct ph_reply **reply_r, struct ph_err *err)
{
	for (;;) {
		int r = ph_redis_conn_parsed(conn, reply_r, err);

		if (r != 0)
			return r > 0 ? 0 : -1;
		r = ph_redis_conn_fill(conn, err);
		if (r == 0)
			r = ph_redis_socket_wait(conn->fd, POLLIN, deadline,
						 err);
		if (r < 0) {
			conn->broken = true;
			return -1;
		}
	}
}

static void
free_replies(struct ph_reply **replies, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ph_reply_free(&replies[i]);
}

/* One round trip; replies has room for n. A request that did not leave us as a
 * whole was not carried out if it is one command or a transaction. */
static int
exchange(struct ph_redis_conn *conn, const GString *out, bool whole,
	 int64_t deadline, struct ph_reply **replies, size_t n,
	 struct ph_err *err)
{
	size_t written;

	if (write_some(conn, out, deadline, &written, err) != 0) {
		if (!whole && written > 0 && err != NULL)
			err->kind = PH_ERR_MAYBE;
		return ph_err_wrap(err, "Redis");
	}
	for (size_t i = 0; i < n; i++)
		if (ph_redis_conn_reply(conn, deadline, &replies[i], err) !=
		    0) {
			free_replies(replies, i);
			if (err != NULL)
				err->kind = PH_ERR_MAYBE;
			return ph_err_wrap(err, "Redis");
		}
	return 0;
}

/* A Redis that cannot serve answers for itself, not for the command: the whole
 * call fails, so that no caller reads an outage as "absent" or "wrong". */
static int
refuse_outage(struct ph_redis_conn *conn, struct ph_reply **replies, size_t n,
	      struct ph_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!ph_redis_reply_is_outage(replies[i]))
			continue;
		conn->broken = true;
		ph_redis_reply_err(replies[i], err);
		if (i > 0 && err != NULL)
			err->kind = PH_ERR_MAYBE;
		return -1;
	}
	return 0;
}

/* The answers of MULTI, n times QUEUED, and EXEC become n answers. */
static int
unwrap(struct ph_redis_conn *conn, struct ph_reply **raw, size_t n,
       struct ph_reply **replies_r, struct ph_err *err)
{
	struct ph_reply *exec = raw[n + 1];

	for (size_t i = 0; i <= n; i++) {
		if (ph_reply_type(raw[i]) != PH_REPLY_ERROR)
			continue;
		conn->broken = ph_redis_reply_is_outage(raw[i]);
		return ph_redis_reply_err(raw[i], err);
	}
	if (ph_reply_type(exec) == PH_REPLY_ERROR)
		return ph_redis_reply_err(exec, err);
	if (ph_reply_count(exec) != n) {
		conn->broken = true;
		return ph_err_set(err, PH_ERR_MAYBE,
				  "Redis: EXEC gave %zu answers to %zu "
				  "commands",
				  ph_reply_count(exec), n);
	}
	for (size_t i = 0; i < n; i++)
		replies_r[i] = ph_redis_reply_detach(exec, i);
	return 0;
}

static const char *const multi_args[] = {"MULTI"};
static const char *const exec_args[] = {"EXEC"};
static const struct ph_command multi = {1, multi_args, NULL};
static const struct ph_command exec = {1, exec_args, NULL};

static int
run_atomic(struct ph_redis_conn *conn, const GString *out, size_t n,
	   int64_t deadline, struct ph_reply **replies_r, struct ph_err *err)
{
	g_autofree struct ph_reply **raw = g_new0(struct ph_reply *, n + 2);
	int r = exchange(conn, out, true, deadline, raw, n + 2, err);

	if (r == 0)
		r = unwrap(conn, raw, n, replies_r, err);
	free_replies(raw, n + 2);
	return r;
}

int
ph_redis_conn_run(struct ph_redis_conn *conn, const struct ph_command *commands,
		  size_t n, bool atomic, int64_t deadline,
		  struct ph_reply **replies_r, struct ph_err *err)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int r;

	if (atomic)
		ph_redis_format(out, &multi);
	for (size_t i = 0; i < n; i++)
		ph_redis_format(out, &commands[i]);
	if (atomic)
		ph_redis_format(out, &exec);
	if (atomic)
		r = run_atomic(conn, out, n, deadline, replies_r, err);
	else
		r = exchange(conn, out, n == 1, deadline, replies_r, n, err);
	if (r != 0)
		return -1;
	if (refuse_outage(conn, replies_r, n, err) != 0) {
		free_replies(replies_r, n);
		return -1;
	}
	return 0;
}

/* A refusal here is about the server's configuration: to whoever asked about a
 * key it is an outage. */
static int
introduce_with(struct ph_redis_conn *conn, int64_t deadline, size_t n,
	       const char *const *args, struct ph_err *err)
{
	const struct ph_command command = {n, args, NULL};
	struct ph_reply *reply = NULL;
	int r = 0;

	if (ph_redis_conn_run(conn, &command, 1, false, deadline, &reply,
			      err) != 0)
		r = -1;
	else if (ph_reply_type(reply) == PH_REPLY_ERROR)
		r = ph_redis_reply_err(reply, err);
	ph_reply_free(&reply);
	if (r != 0 && err != NULL)
		err->kind = PH_ERR_TEMP;
	return r != 0 ? ph_err_wrap(err, "%s", args[0]) : 0;
}

static int
introduce(struct ph_redis_conn *conn, const struct ph_redis_target *target,
	  int64_t deadline, struct ph_err *err)
{
	char database[24];
	const char *const select[] = {"SELECT", database};
	const char *const auth[] = {"AUTH", target->password};
	const char *const auth_user[] = {"AUTH", target->user,
					 target->password};

	g_snprintf(database, sizeof(database), "%" G_GINT64_FORMAT,
		   target->database);
	if (target->password != NULL && target->user == NULL &&
	    introduce_with(conn, deadline, 2, auth, err) != 0)
		return -1;
	if (target->password != NULL && target->user != NULL &&
	    introduce_with(conn, deadline, 3, auth_user, err) != 0)
		return -1;
	if (target->database != 0 &&
	    introduce_with(conn, deadline, 2, select, err) != 0)
		return -1;
	return 0;
}

int
ph_redis_conn_open(const struct ph_redis_target *target, int64_t deadline,
		   struct ph_redis_conn **conn_r, struct ph_err *err)
{
	struct ph_redis_conn *conn;
	int fd;

	if (ph_redis_socket_connect(target, deadline, &fd, err) != 0)
		return ph_err_wrap(err, "Redis");
	conn = g_new0(struct ph_redis_conn, 1);
	conn->fd = fd;
	conn->reader = redisReaderCreate();
	g_assert(conn->reader != NULL);
	if (introduce(conn, target, deadline, err) != 0) {
		ph_redis_conn_free(&conn);
		return -1;
	}
	*conn_r = conn;
	return 0;
}
