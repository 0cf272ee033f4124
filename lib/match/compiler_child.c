#include "lib/base/file.h"
#include "lib/match/match_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * A request, in the machine's own byte order: magic, kind, number of
 * expressions, uint32_t each; then for each its length, uint32_t, and its
 * bytes with a NUL, which Hyperscan needs.
 */
#define REQUEST_MAGIC ((uint32_t)0x71726870)
#define CPU_LIMIT 600 /* seconds */

static void
put_number(GByteArray *request, uint32_t number)
{
	g_byte_array_append(request, (const guint8 *)&number, sizeof number);
}

GByteArray *
ph_request_format(const struct ph_set *set)
{
	GByteArray *request = g_byte_array_new();

	put_number(request, REQUEST_MAGIC);
	put_number(request, set->kind);
	put_number(request, set->n);
	for (uint32_t i = 0; i < set->n; i++) {
		put_number(request, (uint32_t)set->sizes[i]);
		g_byte_array_append(request, (const guint8 *)set->texts[i],
				    (guint)set->sizes[i] + 1);
	}
	return request;
}

struct cursor {
	const guint8 *data;
	size_t left;
};

static bool
get_number(struct cursor *c, uint32_t *number_r)
{
	if (c->left < sizeof *number_r)
		return false;
	memcpy(number_r, c->data, sizeof *number_r);
	c->data += sizeof *number_r;
	c->left -= sizeof *number_r;
	return true;
}

static bool
get_text(struct cursor *c, const char **text_r, size_t *size_r)
{
	uint32_t size;

	if (!get_number(c, &size) || size > PH_EXPRESSION_LIMIT ||
	    size >= c->left || c->data[size] != '\0')
		return false;
	*text_r = (const char *)c->data;
	*size_r = size;
	c->data += size + 1;
	c->left -= size + 1;
	return true;
}

int
ph_request_parse(const GByteArray *request, struct ph_set *set_r)
{
	struct cursor c = {request->data, request->len};
	uint32_t magic;
	uint32_t kind;
	uint32_t n;

	if (!get_number(&c, &magic) || magic != REQUEST_MAGIC ||
	    !get_number(&c, &kind) || kind >= PH_TERM_KINDS ||
	    !get_number(&c, &n) || n > PH_SET_LIMIT)
		return -1;
	ph_set_init(set_r, kind, n);
	for (uint32_t i = 0; i < n; i++)
		if (!get_text(&c, &set_r->texts[i], &set_r->sizes[i])) {
			ph_set_clear(set_r);
			return -1;
		}
	if (c.left == 0)
		return 0;
	ph_set_clear(set_r);
	return -1;
}

/* ---- the process ---- */

/* It must never be in the way of mail, nor outlive who asked. */
static void
become_child(void)
{
	const struct rlimit cpu = {CPU_LIMIT, CPU_LIMIT};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CPU, &cpu);
	/* Not being allowed to does not matter. */
	errno = 0;
	if (nice(10) == -1 && errno != 0)
		errno = 0;
}

static GByteArray *
read_request(int fd)
{
	GByteArray *request = g_byte_array_new();
	guint8 buffer[65536];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof buffer)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || request->len + (size_t)n > PH_REQUEST_LIMIT) {
			g_byte_array_unref(request);
			return NULL;
		}
		g_byte_array_append(request, buffer, (guint)n);
	}
	return request;
}

int
ph_match_compiler_main(void)
{
	GByteArray *request;
	GByteArray *image;
	struct ph_set set;
	int rc = EXIT_FAILURE;

	become_child();
	request = read_request(STDIN_FILENO);
	if (request == NULL)
		return EXIT_FAILURE;
	if (ph_request_parse(request, &set) == 0) {
		image = ph_set_compile(&set);
		if (image != NULL) {
			if (ph_file_write(STDOUT_FILENO, image->data,
					  image->len) == 0)
				rc = EXIT_SUCCESS;
			g_byte_array_unref(image);
		}
		ph_set_clear(&set);
	}
	g_byte_array_unref(request);
	return rc;
}
