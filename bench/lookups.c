/*
 * lookups ask [-c clients] [-n requests] SOCKET MAP LIST: asks a socketmap
 * server about the keys of LIST (a line each) in random order, one request at a
 * time on each connection. Printed is one JSON object. An answer that is not
 * "OK ..." ends it: a server that knows nothing is fast.
 *
 * lookups serve SOCKET LIST: the least that such a server can do: a thread a
 * connection, a hash table that holds the keys of LIST, and a constant answer.
 */
#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define BUFFER 16384
#define ANSWER "5:OK OK,"

static G_GNUC_NORETURN void
give_up(const char *what, const char *detail)
{
	fprintf(stderr, "lookups: %s: %s\n", what, detail);
	exit(EX_UNAVAILABLE);
}

static char **
read_list(const char *path)
{
	g_autofree char *text = NULL;
	char **lines;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		give_up(path, "cannot be read");
	lines = g_strsplit(g_strchomp(text), "\n", -1);
	if (lines[0] == NULL)
		give_up(path, "is empty");
	return lines;
}

static int
open_socket(const char *path, struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (g_strlcpy(address->sun_path, path, sizeof(address->sun_path)) >=
	    sizeof(address->sun_path))
		give_up(path, "is too long");
	if (fd < 0)
		give_up("socket", g_strerror(errno));
	return fd;
}

/* False: the other end has gone. */
static bool
send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

/*
 * A whole netstring at the beginning of data: its text, which gets a NUL in
 * place of the comma, and all it takes; 0: there is more to come.
 */
static size_t
take_netstring(char *data, size_t size, char **text_r)
{
	char *colon = memchr(data, ':', size);
	size_t length, whole;

	if (colon == NULL)
		return 0;
	length = strtoul(data, NULL, 10);
	whole = (size_t)(colon - data) + 1 + length + 1;
	if (length >= BUFFER || whole > size)
		return 0;
	*text_r = colon + 1;
	data[whole - 1] = '\0';
	return whole;
}

/* ---- asking -------------------------------------------------------------- */

struct asking {
	const char *socket, *map;
	char **keys;
	guint n_keys;
	guint requests; /* of each client */
};

struct client {
	const struct asking *asking;
	guint32 seed;
	GArray *times; /* guint, ns */
};

static void
ask_one(int fd, const struct asking *asking, const char *key)
{
	char buffer[BUFFER], *text;
	size_t have = 0;
	const size_t length = strlen(asking->map) + 1 + strlen(key);
	int size = snprintf(buffer, sizeof(buffer), "%zu:%s %s,", length,
			    asking->map, key);

	if (size >= (int)sizeof(buffer) || !send_all(fd, buffer, (size_t)size))
		give_up("send", g_strerror(errno));
	do {
		ssize_t n = recv(fd, buffer + have, sizeof(buffer) - have, 0);

		if (n <= 0)
			give_up(asking->map, "no answer");
		have += (size_t)n;
	} while (take_netstring(buffer, have, &text) == 0);
	if (!g_str_has_prefix(text, "OK "))
		give_up(key, text);
}

static gpointer
run_client(gpointer data)
{
	struct client *client = data;
	const struct asking *asking = client->asking;
	GRand *random = g_rand_new_with_seed(client->seed);
	struct sockaddr_un address;
	int fd = open_socket(asking->socket, &address);

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		give_up(asking->socket, g_strerror(errno));
	client->times =
	    g_array_sized_new(FALSE, FALSE, sizeof(guint), asking->requests);
	for (guint i = 0; i < asking->requests; i++) {
		const guint at = g_rand_int(random) % asking->n_keys;
		struct timespec from, to;
		guint ns;

		clock_gettime(CLOCK_MONOTONIC, &from);
		ask_one(fd, asking, asking->keys[at]);
		clock_gettime(CLOCK_MONOTONIC, &to);
		ns = (guint)((to.tv_sec - from.tv_sec) * 1000000000 +
			     (to.tv_nsec - from.tv_nsec));
		g_array_append_val(client->times, ns);
	}
	close(fd);
	g_rand_free(random);
	return NULL;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
	const guint x = *(const guint *)a, y = *(const guint *)b;

	return (x > y) - (x < y);
}

static double
quantile_us(const GArray *sorted, double part)
{
	return g_array_index(sorted, guint, (guint)(part * (sorted->len - 1))) /
	       1000.0;
}

static void
ask(const struct asking *asking, guint clients)
{
	g_autofree struct client *client = g_new0(struct client, clients);
	g_autofree GThread **threads = g_new(GThread *, clients);
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(guint));
	gint64 took = g_get_monotonic_time();

	for (guint i = 0; i < clients; i++) {
		client[i] = (struct client){asking, i + 1, NULL};
		threads[i] = g_thread_new("client", run_client, &client[i]);
	}
	for (guint i = 0; i < clients; i++)
		g_thread_join(threads[i]);
	took = g_get_monotonic_time() - took;
	for (guint i = 0; i < clients; i++) {
		g_array_append_vals(all, client[i].times->data,
				    client[i].times->len);
		g_array_unref(client[i].times);
	}
	g_array_sort(all, compare);
	printf("{\"rate\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"max_us\": %.1f}\n",
	       all->len / ((double)took / G_USEC_PER_SEC),
	       quantile_us(all, 0.5), quantile_us(all, 0.99),
	       quantile_us(all, 1));
}

/* ---- the floor ----------------------------------------------------------- */

struct served {
	int fd;
	GHashTable *keys;
};

/* "map key" */
static bool
answer(const struct served *served, char *request)
{
	char *blank = strchr(request, ' ');

	if (blank != NULL && g_hash_table_contains(served->keys, blank + 1))
		return send_all(served->fd, ANSWER, strlen(ANSWER));
	return send_all(served->fd, "9:NOTFOUND ,", strlen("9:NOTFOUND ,"));
}

static gpointer
serve_one(gpointer data)
{
	struct served *served = data;
	char buffer[BUFFER], *text;
	size_t have = 0;
	bool good = true;

	while (good) {
		ssize_t n =
		    recv(served->fd, buffer + have, sizeof(buffer) - have, 0);
		size_t taken;

		if (n <= 0)
			break;
		have += (size_t)n;
		while (good &&
		       (taken = take_netstring(buffer, have, &text)) > 0) {
			good = answer(served, text);
			have -= taken;
			memmove(buffer, buffer + taken, have);
		}
	}
	close(served->fd);
	g_free(served);
	return NULL;
}

static G_GNUC_NORETURN void
serve(const char *path, char **keys)
{
	GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
	struct sockaddr_un address;
	int fd = open_socket(path, &address);

	for (char **key = keys; *key != NULL; key++)
		g_hash_table_add(table, *key);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 64) < 0)
		give_up(path, g_strerror(errno));
	for (;;) {
		struct served *served = g_new(struct served, 1);

		served->keys = table;
		served->fd = accept(fd, NULL, NULL);
		if (served->fd < 0)
			give_up("accept", g_strerror(errno));
		g_thread_unref(g_thread_new("serve", serve_one, served));
	}
}

/* ---- the command --------------------------------------------------------- */

static int
usage(void)
{
	fputs("usage: lookups ask [-c clients] [-n requests] SOCKET MAP LIST\n"
	      "       lookups serve SOCKET LIST\n",
	      stderr);
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	struct asking asking = {.requests = 10000};
	unsigned long clients = 1;
	int option;

	while ((option = getopt(argc, argv, "c:n:")) != -1) {
		if (option == 'c')
			clients = strtoul(optarg, NULL, 10);
		else if (option == 'n')
			asking.requests = (guint)strtoul(optarg, NULL, 10);
		else
			return usage();
	}
	argv += optind;
	argc -= optind;
	if (argc == 3 && strcmp(argv[0], "serve") == 0)
		serve(argv[1], read_list(argv[2]));
	if (argc != 4 || strcmp(argv[0], "ask") != 0 || clients < 1 ||
	    clients > 1000)
		return usage();
	asking.socket = argv[1];
	asking.map = argv[2];
	asking.keys = read_list(argv[3]);
	asking.n_keys = g_strv_length(asking.keys);
	ask(&asking, (guint)clients);
	g_strfreev(asking.keys);
	return EX_OK;
}
