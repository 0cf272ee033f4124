/*
 * source [-LP] [-s sessions] [-m messages] [-r rate] TARGET LIST: sends
 * prepared messages as smtp-source -d does, many on a connection and one
 * command at a time, but messages that are worth reading. TARGET is an address
 * and a port, two words, or the path of a UNIX socket. A line of LIST is
 *
 *	sender recipient file
 *
 * and a file is what follows DATA up to the last dot: lines end with CRLF, dots
 * are doubled. The list is gone through in turn; -m 0: until SIGTERM. -r is
 * messages a second over all sessions, 0: as fast as they are taken. -L: LMTP.
 * -P: MAIL, RCPT and DATA are sent together, as Postfix does where PIPELINING
 * is offered.
 *
 * Printed is one JSON object. A delay lasts to the last answer, from the first
 * command or, with a rate, from when the message was due: a server that stalls
 * does not hide the mail that had to wait behind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define REPLY_SIZE 1024

struct message {
	char *mail, *rcpt; /* commands */
	char *envelope;	   /* both and DATA */
	char *content;
};

struct source {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} address;
	socklen_t address_size;
	GArray *list;	   /* struct message */
	guint messages;	   /* G_MAXUINT: until the signal */
	double rate;	   /* 0: no limit */
	const char *hello; /* command */
	bool pipelining;
	gint64 start;	 /* monotonic, µs */
	guint next;	 /* atomic: the number of the next message */
	GMutex lock;	 /* of what follows */
	GArray *delays;	 /* double, ms */
	guint refused;	 /* of them; not answered with 2xx */
	char reply[256]; /* to the last of these */
};

struct session {
	struct source *source;
	int fd;
	FILE *in;		/* the same */
	char reply[REPLY_SIZE]; /* the last line of the last one */
};

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* A server that goes away is no result. */
static G_GNUC_NORETURN void
give_up(const char *what, const char *detail)
{
	fprintf(stderr, "source: %s: %s\n", what, detail);
	exit(EX_UNAVAILABLE);
}

/* ---- one session -------------------------------------------------------- */

/* Is the answer as it should be? */
static bool
expect(struct session *session, char digit)
{
	do {
		if (!fgets(session->reply, REPLY_SIZE, session->in))
			give_up("no answer", "the connection is closed");
	} while (strnlen(session->reply, 4) == 4 && session->reply[3] == '-');
	return session->reply[0] == digit;
}

static void
say(struct session *session, const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t n = send(session->fd, text, size, MSG_NOSIGNAL);

		if (n < 0)
			give_up("send", g_strerror(errno));
		text += n;
		size -= (size_t)n;
	}
}

static bool
ask(struct session *session, const char *text, char digit)
{
	say(session, text);
	return expect(session, digit);
}

static void
open_session(struct session *session)
{
	const struct sockaddr *address = &session->source->address.any;
	const int on = 1;

	session->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (session->fd < 0 ||
	    connect(session->fd, address, session->source->address_size) < 0)
		give_up("connect", g_strerror(errno));
	session->in = fdopen(session->fd, "r");
	if (address->sa_family == AF_INET)
		setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on,
			   sizeof(on));
	if (!expect(session, '2') || !ask(session, session->source->hello, '2'))
		give_up("greeting", session->reply);
}

static bool
send_message(struct session *session, const struct message *message)
{
	if (session->source->pipelining) {
		say(session, message->envelope);
		for (const char *digit = "223"; *digit; digit++)
			if (!expect(session, *digit))
				return false;
		return ask(session, message->content, '2');
	}
	return ask(session, message->mail, '2') &&
	       ask(session, message->rcpt, '2') &&
	       ask(session, "DATA\r\n", '3') &&
	       ask(session, message->content, '2');
}

/* ---- all sessions -------------------------------------------------------- */

/* Waits for the message's turn; when that was, monotonic. */
static gint64
wait_due(const struct source *source, guint number)
{
	gint64 now = g_get_monotonic_time();
	gint64 due;

	if (source->rate <= 0)
		return now;
	due = source->start + (gint64)(number / source->rate * G_USEC_PER_SEC);
	if (due > now)
		g_usleep((gulong)(due - now));
	return due;
}

static void
note(struct source *source, gint64 since, bool taken, const char *reply)
{
	const double ms = (double)(g_get_monotonic_time() - since) / 1000;

	g_mutex_lock(&source->lock);
	g_array_append_val(source->delays, ms);
	if (!taken) {
		source->refused++;
		g_strlcpy(source->reply, reply, sizeof(source->reply));
	}
	g_mutex_unlock(&source->lock);
}

static gpointer
run_session(gpointer data)
{
	struct session session = {.source = data};
	struct source *source = data;
	guint number;

	open_session(&session);
	while (!stopped && (number = (guint)g_atomic_int_add(
				&source->next, 1)) < source->messages) {
		const struct message *message = &g_array_index(
		    source->list, struct message, number % source->list->len);
		const gint64 since = wait_due(source, number);
		const bool taken = send_message(&session, message);

		note(source, since, taken, session.reply);
		if (!taken)
			ask(&session, "RSET\r\n", '2');
	}
	ask(&session, "QUIT\r\n", '2');
	fclose(session.in);
	return NULL;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
quantile(const GArray *sorted, double part)
{
	return g_array_index(sorted, double, (guint)(part * (sorted->len - 1)));
}

static void
report(const struct source *source, double seconds)
{
	if (source->delays->len == 0)
		give_up("nothing", "no message was sent");
	g_array_sort(source->delays, compare);
	printf("{\"messages\": %u, \"refused\": %u, \"seconds\": %.6f, "
	       "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
	       source->delays->len, source->refused, seconds,
	       quantile(source->delays, 0.5), quantile(source->delays, 0.99),
	       quantile(source->delays, 1));
	if (source->refused > 0)
		fprintf(stderr, "source: the last refusal: %s", source->reply);
}

static void
run(struct source *source, guint sessions)
{
	g_autofree GThread **threads = g_new(GThread *, sessions);

	source->delays = g_array_new(FALSE, FALSE, sizeof(double));
	source->start = g_get_monotonic_time();
	for (guint i = 0; i < sessions; i++)
		threads[i] = g_thread_new("session", run_session, source);
	for (guint i = 0; i < sessions; i++)
		g_thread_join(threads[i]);
	report(source, (double)(g_get_monotonic_time() - source->start) /
			   G_USEC_PER_SEC);
}

/* ---- what to send -------------------------------------------------------- */

static void
read_list(struct source *source, const char *path)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		give_up(path, "cannot be read");
	source->list = g_array_new(FALSE, FALSE, sizeof(struct message));
	lines = g_strsplit(g_strchomp(text), "\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 3);
		struct message m = {NULL, NULL, NULL, NULL};

		if (g_strv_length(words) != 3 ||
		    !g_file_get_contents(words[2], &m.content, NULL, NULL))
			give_up(path, *line);
		m.mail = g_strdup_printf("MAIL FROM:<%s> BODY=8BITMIME\r\n",
					 words[0]);
		m.rcpt = g_strdup_printf("RCPT TO:<%s>\r\n", words[1]);
		m.envelope = g_strconcat(m.mail, m.rcpt, "DATA\r\n", NULL);
		g_array_append_val(source->list, m);
	}
}

static bool
read_address(struct source *source, char **words, int n)
{
	if (n == 1 && *words[0] == '/') {
		source->address.un.sun_family = AF_UNIX;
		source->address_size = sizeof(source->address.un);
		return g_strlcpy(source->address.un.sun_path, words[0],
				 sizeof(source->address.un.sun_path)) <
		       sizeof(source->address.un.sun_path);
	}
	if (n != 2 ||
	    inet_pton(AF_INET, words[0], &source->address.in.sin_addr) != 1)
		return false;
	source->address.in.sin_family = AF_INET;
	source->address_size = sizeof(source->address.in);
	source->address.in.sin_port =
	    htons((uint16_t)strtoul(words[1], NULL, 10));
	return true;
}

int
main(int argc, char **argv)
{
	struct source source = {.messages = 1, .hello = "EHLO source.test\r\n"};
	unsigned long sessions = 1;
	int option;

	while ((option = getopt(argc, argv, "LPs:m:r:")) != -1) {
		if (option == 'L')
			source.hello = "LHLO source.test\r\n";
		else if (option == 'P')
			source.pipelining = true;
		else if (option == 's')
			sessions = strtoul(optarg, NULL, 10);
		else if (option == 'm')
			source.messages = (guint)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			source.rate = g_ascii_strtod(optarg, NULL);
		else
			return EX_USAGE;
	}
	if (sessions < 1 || sessions > 1000 ||
	    !read_address(&source, argv + optind, argc - optind - 1)) {
		fputs(
		    "usage: source [-LP] [-s sessions] [-m messages] [-r rate] "
		    "(ADDRESS PORT | SOCKET) LIST\n",
		    stderr);
		return EX_USAGE;
	}
	if (source.messages == 0)
		source.messages = G_MAXUINT;
	read_list(&source, argv[argc - 1]);
	signal(SIGTERM, on_signal);
	run(&source, (guint)sessions);
	return EX_OK;
}
