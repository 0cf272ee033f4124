/*
 * inspect FILE N: a message as posthub-transport has it, N times before one
 * worker; prints messages a second and the CPU time of the worker for each.
 */
#include "cli/message.h"
#include "lib/base/log.h"
#include "lib/inspect/inspector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static double
seconds(void)
{
	return (double)g_get_monotonic_time() / G_USEC_PER_SEC;
}

/* Asks of each file what rules ask. */
static size_t
ask(struct ph_inspector *inspector, struct ph_mail *mail)
{
	struct ph_inspection *inspection =
	    ph_inspect_sandboxed(inspector, ph_mail_content(mail));
	const struct ph_inspect_file *files;
	size_t n = 0, text = 0;

	if (ph_inspect_files(inspection, &files, &n, NULL) < 0)
		exit(EXIT_FAILURE);
	for (size_t i = 0; i < n; i++) {
		const char *p;
		size_t size;

		if (ph_inspect_text(inspection, i, &p, &size, NULL) == 0)
			text += size;
	}
	ph_inspect_free(&inspection);
	return text;
}

static void
run(struct ph_inspector *inspector, const GByteArray *message, long n)
{
	static const struct ph_client client = {
	    .name = (char *)"", .address = (char *)"", .helo = (char *)""};
	double start = seconds();
	size_t text = 0;

	for (long i = 0; i < n; i++) {
		struct ph_mail *mail = ph_mail_new(&client, "");

		if (ph_message_parse(message->data, message->len, mail, NULL) <
		    0)
			exit(EXIT_FAILURE);
		text = ask(inspector, mail);
		ph_mail_free(&mail);
	}
	printf("%u bytes, %zu bytes of text in attachments: %.0f messages/s\n",
	       message->len, text, (double)n / (seconds() - start));
}

int
main(int argc, char **argv)
{
	struct ph_conf *conf = NULL;
	struct ph_inspector_options options;
	struct ph_inspector *inspector;
	struct rusage usage;
	GByteArray *message;

	if (argc > 1 && strcmp(argv[1], PH_INSPECT_SWITCH) == 0)
		return ph_inspect_child_main(argc, argv, ph_worker_inspect);
	if (argc != 3 || ph_message_read(argv[1], &message) != 0 ||
	    ph_conf_load(NULL, &conf, NULL) < 0) {
		fprintf(stderr, "usage: inspect FILE N\n");
		return EXIT_FAILURE;
	}
	ph_log_open("inspect", true, false);
	ph_inspector_options_read(conf, &options);
	options.workers = 1;
	inspector = ph_inspector_start(&options);
	run(inspector, message, strtol(argv[2], NULL, 10));
	ph_inspector_stop(&inspector);
	/* Of the worker and who forks it, its start included. */
	getrusage(RUSAGE_CHILDREN, &usage);
	printf(
	    "worker: %.2f ms of CPU a message\n",
	    ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3) /
		strtod(argv[2], NULL));
	g_byte_array_unref(message);
	ph_conf_free(&conf);
	return EXIT_SUCCESS;
}
