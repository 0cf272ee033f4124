/*
 * body [-n rounds] [-c directory] TERMS FILE...: what posthub-transport does
 * with bodies, without milter protocol and rules: kept piece by piece, read,
 * searched for all terms, and what the search says of patterns confirmed. A
 * line of TERMS is "word TEXT" or "pattern TEXT"; a file is a message as
 * bench/source sends it. -c is where compiled terms are kept.
 *
 * Printed is one JSON object: microseconds of processor time a message, by
 * step, and how many patterns had to be asked and how many of them were there.
 * Under valgrind --tool=callgrind the instructions are the same in each run.
 */
#include "lib/match/fold.h"
#include "lib/match/matcher.h"
#include "lib/message/content.h"
#include "milters/host/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* As Postfix sends it. */
#define PIECE ((size_t)65535)

enum step { KEEP, READ, SEARCH, CONFIRM, FREE, STEPS };

static const char *const step_names[STEPS] = {"keep", "read", "search",
					      "confirm", "free"};

struct bench {
	struct ph_matcher *matcher;
	GPtrArray *messages;  /* GBytes */
	int64_t spent[STEPS]; /* ns */
	unsigned asked, found;
};

static const char *const child[] = {"/proc/self/exe", PH_MATCH_COMPILER_SWITCH,
				    NULL};

static G_GNUC_NORETURN void
give_up(const char *what, const char *detail)
{
	fprintf(stderr, "body: %s: %s\n", what, detail);
	exit(EX_UNAVAILABLE);
}

/* ---- what is looked for -------------------------------------------------- */

static void
add_term(struct ph_terms *terms, const char *line)
{
	struct ph_pattern *pattern = NULL;
	struct ph_err err = PH_ERR_INIT;
	const char *text = strchr(line, ' ');

	if (text++ == NULL)
		give_up("no term", line);
	if (g_str_has_prefix(line, "word ")) {
		g_autofree char *folded =
		    ph_match_fold(text, strlen(text), NULL);

		ph_terms_add_word(terms, folded);
		return;
	}
	if (ph_pattern_compile(text, 0, &pattern, &err) < 0)
		give_up(text, err.text);
	ph_terms_add_pattern(terms, pattern);
	ph_pattern_unref(&pattern);
}

static void
read_terms(struct bench *bench, const char *path, const char *cache)
{
	const struct ph_match_compiler_options options = {cache, child};
	struct ph_terms *terms = ph_terms_new();
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		give_up(path, "cannot be read");
	lines = g_strsplit(g_strchomp(text), "\n", -1);
	for (char **line = lines; *line != NULL; line++)
		add_term(terms, *line);
	bench->matcher =
	    ph_matcher_new(terms, NULL, ph_match_compiler_start(&options));
	while (ph_matcher_pending(bench->matcher) > 0)
		g_usleep(10000);
}

static void
read_message(struct bench *bench, const char *path)
{
	const char *body;
	char *text = NULL;
	gsize size;

	if (!g_file_get_contents(path, &text, &size, NULL) ||
	    (body = memmem(text, size, "\r\n\r\n", 4)) == NULL)
		give_up(path, "no message");
	body += 4;
	size -= (size_t)(body - text);
	g_ptr_array_add(bench->messages, g_bytes_new(body, size));
	g_free(text);
}

/* ---- one message --------------------------------------------------------- */

static void
lap(struct bench *bench, enum step step, int64_t *since)
{
	struct timespec t;
	int64_t now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	if (*since != 0)
		bench->spent[step] += now - *since;
	*since = now;
}

static struct ph_mail *
keep(const char *body, size_t size)
{
	static const struct ph_client client;
	struct ph_mail *mail = ph_mail_new(&client, "person@sender.test");

	ph_headers_add(mail->headers, "Content-Type",
		       "text/plain; charset=utf-8");
	ph_headers_add(mail->headers, "Content-Transfer-Encoding", "8bit");
	mail->keep_body = true;
	for (size_t at = 0; at < size; at += PIECE)
		ph_mail_add_body(mail, body + at, MIN(PIECE, size - at));
	return mail;
}

static void
confirm(struct bench *bench, const struct ph_hits *hits, const char *text,
	size_t size)
{
	for (size_t i = 0; i < hits->n; i++) {
		const struct ph_pattern *pattern =
		    ph_matcher_pattern(bench->matcher, hits->terms[i]);

		if (pattern == NULL)
			continue;
		bench->asked++;
		bench->found += ph_pattern_match(pattern, text, size, NULL,
						 NULL, NULL) == 1;
	}
}

static void
run_message(struct bench *bench, const char *body, size_t size)
{
	int64_t since = 0;
	struct ph_mail *mail;
	const char *const *texts;
	const size_t *sizes;
	size_t n;

	lap(bench, KEEP, &since);
	mail = keep(body, size);
	lap(bench, KEEP, &since);
	texts = ph_content_texts(ph_mail_content(mail), &sizes, &n);
	lap(bench, READ, &since);
	for (size_t i = 0; i < n; i++) {
		struct ph_hits hits;

		ph_matcher_scan(bench->matcher, texts[i], sizes[i], &hits);
		lap(bench, SEARCH, &since);
		confirm(bench, &hits, texts[i], sizes[i]);
		lap(bench, CONFIRM, &since);
		ph_hits_clear(&hits);
	}
	ph_mail_free(&mail);
	lap(bench, FREE, &since);
}

static void
report(const struct bench *bench, unsigned long rounds)
{
	const double n = (double)rounds * bench->messages->len;
	double total = 0;

	printf("{");
	for (int i = 0; i < STEPS; i++) {
		total += (double)bench->spent[i];
		printf("\"%s\": %.1f, ", step_names[i],
		       (double)bench->spent[i] / 1000 / n);
	}
	printf("\"all\": %.1f, \"asked\": %.2f, \"found\": %.2f}\n",
	       total / 1000 / n, bench->asked / n, bench->found / n);
}

int
main(int argc, char **argv)
{
	struct bench bench = {.messages = g_ptr_array_new()};
	const char *cache = NULL;
	unsigned long rounds = 1;
	int option;

	if (argc > 1 && strcmp(argv[1], PH_MATCH_COMPILER_SWITCH) == 0)
		return ph_match_compiler_main();
	while ((option = getopt(argc, argv, "n:c:")) != -1) {
		if (option == 'n')
			rounds = strtoul(optarg, NULL, 10);
		else if (option == 'c')
			cache = optarg;
		else
			return EX_USAGE;
	}
	if (argc - optind < 2 || rounds == 0) {
		fputs("usage: body [-n rounds] [-c directory] TERMS FILE...\n",
		      stderr);
		return EX_USAGE;
	}
	read_terms(&bench, argv[optind], cache);
	for (int i = optind + 1; i < argc; i++)
		read_message(&bench, argv[i]);
	for (unsigned long round = 0; round < rounds; round++)
		for (guint i = 0; i < bench.messages->len; i++) {
			gsize size;
			const char *body =
			    g_bytes_get_data(bench.messages->pdata[i], &size);

			run_message(&bench, body, size);
		}
	report(&bench, rounds);
	return EX_OK;
}
