#include "cli/command.h"
#include "cli/complete.h"
#include "lib/inspect/inspector.h"

#include <fcntl.h>
#include <glib.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of those that are closed the next file or connection that is opened would
 * take the place, and Redis be told a table. What is opened here can be neither
 * read nor written. */
static void
hold_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		const int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd)
			abort();
	}
}

/* How wide a character is on a terminal only the locale knows. The user's own
 * may not be installed here, and may compare letters in its own way: Turkish
 * has another small I. */
static void
set_locale(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *locale = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(names) && !locale; i++) {
		locale = g_getenv(names[i]);
		if (locale && !*locale)
			locale = NULL;
	}
	if (locale &&
	    (strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8")))
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

int
main(int argc, char **argv)
{
	/* The same program is the child that looks into attachments. */
	if (argc > 1 && strcmp(argv[1], PH_INSPECT_SWITCH) == 0)
		return ph_inspect_child_main(argc, argv, ph_worker_inspect);
	hold_standard_files();
	set_locale();
	if (argc > 1 && strcmp(argv[1], PH_COMPLETE) == 0)
		return ph_complete_main(ph_verbs, argc, argv);
	return ph_cli_main(ph_verbs, argc, argv);
}
