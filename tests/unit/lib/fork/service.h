#ifndef FORK_SERVICE_H
#define FORK_SERVICE_H

#include "lib/fork/service.h"
#include "lib/track/log.h"
#include "tests/unit/lib/fork/sink.h"

/* The service with its plans and rows in a directory of the test's, a plan to
 * be filled, and the queue that asks for it. */
#define NMID "01234567-89ab-8def-8123-456789abcdef"

static const char message[] = "Received: from a by b\r\n"
			      "X-PostHub-AuthAs: Internal\r\n"
			      "X-PostHub-OriginalClientIPAddress: 192.0.2.9\r\n"
			      "From: Nuno <nuno@x.test>\r\n"
			      "Subject: hi\r\n"
			      "\r\n"
			      "body\r\n"
			      ".dot\r\n"
			      "..\r\n";

static char *dir, *rows_dir;
static struct ph_plans *plans;
static struct ph_track_log *track;
static struct ph_fork_service *service;
static struct sink sink;
static struct ph_plan *plan;
static const char *mute; /* an address that may not be told of failures */

static inline bool
may_report(void *context, const char *address)
{
	(void)context;
	return g_strcmp0(address, mute) != 0;
}

static inline void
start_service(void)
{
	struct ph_fork_options options = {
	    .plans = plans,
	    .directory = dir,
	    .server = "MBX2",
	    .address = "192.0.2.2",
	    .inject = {.unix_socket = true},
	    .track = track,
	    .agent = "Transport Rule Agent",
	    .may_report = may_report,
	    .lifetime = 1000,
	};

	g_strlcpy(options.inject.host, sink.path, sizeof(options.inject.host));
	service = ph_fork_service_new(&options);
}

static inline void
make_plan(void)
{
	plan = ph_plan_new();
	plan->queue_id = g_strdup("4ABC");
	plan->sender = g_strdup("nuno@x.test");
	plan->envid = g_strdup("E1");
	plan->ret = g_strdup("HDRS");
	plan->eight_bit = true;
	g_strlcpy(plan->nmid, NMID, sizeof(plan->nmid));
	plan->message_id = g_strdup("<m@x.test>");
	plan->subject = g_strdup("hi");
	plan->size = sizeof(message) - 1;
	plan->created = 1763765452123;
}

static inline void
set_up(void)
{
	struct ph_track_options options = {.prefix = "MSGTRK",
					   .server = "MBX2",
					   .max_file_size = 1 << 20,
					   .subjects = true};
	struct ph_err err = PH_ERR_INIT;
	g_autofree char *path = NULL;

	dir = unit_mkdir();
	path = g_build_filename(dir, "forks", NULL);
	rows_dir = g_build_filename(dir, "rows", NULL);
	options.directory = rows_dir;
	ck_assert_int_eq(ph_plans_open(path, &plans, &err), 0);
	ck_assert_int_eq(ph_track_log_open(&options, &track, &err), 0);
	sink_start(&sink, dir);
	start_service();
	make_plan();
}

static inline void
tear_down(void)
{
	sink_free(&sink);
	ph_plan_free(&plan);
	ph_fork_service_free(&service);
	ph_track_log_close(&track);
	ph_plans_close(&plans);
	g_free(rows_dir);
	unit_rmdir(&dir);
}

static inline struct ph_plan_group *
add_copy(const char *address, const char *original)
{
	struct ph_plan_group *group = ph_plan_add_group(plan, PH_PLAN_COPY);

	ph_plan_add_recipient(group, address, original);
	return group;
}

static inline struct ph_plan_group *
add_report(const char *address)
{
	struct ph_plan_group *group = ph_plan_add_group(plan, PH_PLAN_REPORT);

	group->code = g_strdup("550");
	group->enhanced = g_strdup("5.7.1");
	group->text = g_strdup("not allowed");
	ph_plan_add_recipient(group, address, address);
	return group;
}

static inline void
set_header(struct ph_plan_group *group, const char *name, const char *value)
{
	struct ph_plan_header *header = ph_plan_add_header(group, name);

	if (value != NULL)
		g_ptr_array_add(header->values, g_strdup(value));
}

static inline void
write_plan(void)
{
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_plans_write(plans, plan, &err) == 0, "%s", err.text);
}

/* ---- the queue's side --------------------------------------------------- */

static inline gpointer
serve(gpointer data)
{
	ph_fork_serve(data, service);
	ph_stream_free((struct ph_stream **)&data);
	return NULL;
}

static inline void
write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		ck_assert_int_gt(n, 0);
		data += n;
		size -= (size_t)n;
	}
}

static inline char *
read_all(int fd)
{
	GString *text = g_string_new(NULL);
	char buffer[4096];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		g_string_append_len(text, buffer, n);
	return g_string_free(text, FALSE);
}

/* What is behind the 354, without QUIT's answer; or, when there is none, all
 * that was said. g_free. */
static inline char *
converse(const char *session, size_t size)
{
	g_autofree char *said = NULL;
	char *after, *bye;
	GThread *thread;
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	thread = g_thread_new("serve", serve, ph_stream_new(fds[1]));
	write_all(fds[0], session, size);
	shutdown(fds[0], SHUT_WR);
	said = read_all(fds[0]);
	g_thread_join(thread);
	close(fds[0]);
	after = strstr(said, "354 ");
	if (after == NULL)
		return g_steal_pointer(&said);
	after = strstr(after, "\r\n") + 2;
	bye = strstr(after, "221 ");
	ck_assert_ptr_nonnull(bye);
	*bye = '\0';
	return g_strdup(after);
}

/* tokens: indices of groups, "0 1". */
static inline GString *
begin_session(const char *tokens)
{
	GString *session = g_string_new("LHLO mbx2\r\nMAIL FROM:<nuno@x.test> "
					"BODY=8BITMIME SMTPUTF8\r\n");
	g_auto(GStrv) list = g_strsplit(tokens, " ", -1);

	for (char **i = list; *i != NULL; i++)
		g_string_append_printf(session, "RCPT TO:<%s.%s@%s>\r\n",
				       plan->id, *i, PH_FORK_DOMAIN);
	return session;
}

static inline char *
deliver_content(const char *tokens, const char *content, size_t size)
{
	g_autoptr(GString) session = begin_session(tokens);
	bool start = true;

	g_string_append(session, "DATA\r\n");
	for (size_t i = 0; i < size; i++) {
		if (start && content[i] == '.')
			g_string_append_c(session, '.');
		g_string_append_c(session, content[i]);
		start = i > 0 && content[i] == '\n' && content[i - 1] == '\r';
	}
	ck_assert(start);
	g_string_append(session, ".\r\nQUIT\r\n");
	return converse(session->str, session->len);
}

static inline char *
deliver(const char *tokens)
{
	return deliver_content(tokens, message, sizeof(message) - 1);
}

#define ck_delivered(tokens, expected)                    \
	do {                                              \
		g_autofree char *said_ = deliver(tokens); \
		ck_assert_str_eq(said_, expected);        \
	} while (0)

/* Begins like this. */
#define ck_later(tokens)                                                   \
	do {                                                               \
		g_autofree char *said_ = deliver(tokens);                  \
		ck_assert_msg(g_str_has_prefix(said_, "451 4.3.0 "), "%s", \
			      said_);                                      \
	} while (0)

static inline bool
is_done(size_t i)
{
	g_autofree char *token = ph_plan_token(plan, i);
	int rc = ph_plans_is_done(plans, token, NULL);

	ck_assert_int_ge(rc, 0);
	return rc == 1;
}

static inline bool
add_row(struct ph_track_record *r, void *context)
{
	static const enum ph_column columns[] = {
	    PH_COL_SOURCE,	     PH_COL_EVENT_ID,
	    PH_COL_CLIENT_HOSTNAME,  PH_COL_RECIPIENT_ADDRESS,
	    PH_COL_RECIPIENT_STATUS, PH_COL_REFERENCE,
	    PH_COL_MESSAGE_SUBJECT,  PH_COL_SENDER_ADDRESS,
	    PH_COL_RETURN_PATH,	     PH_COL_DIRECTIONALITY,
	    PH_COL_CUSTOM_DATA,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
		g_string_append_printf(context, "%s%s", i > 0 ? "|" : "",
				       ph_track_get(r, columns[i]));
	g_string_append(context, "\n");
	return true;
}

static inline char *
read_rows(void)
{
	GString *rows = g_string_new(NULL);
	uint64_t bad;

	ck_assert_int_eq(
	    ph_track_log_read(rows_dir, 0, add_row, rows, &bad, NULL), 0);
	ck_assert_uint_eq(bad, 0);
	return g_string_free(rows, FALSE);
}

#define ck_rows(expected)                             \
	do {                                          \
		g_autofree char *rows_ = read_rows(); \
		ck_assert_str_eq(rows_, expected);    \
	} while (0)

#endif
