#include "cli/command.h"
#include "cli/complete.h"
#include "lib/inspect/inspector.h"

#include <string.h>

int
main(int argc, char **argv)
{
	/* The same program is the child that looks into attachments. */
	if (argc > 1 && strcmp(argv[1], PH_INSPECT_SWITCH) == 0)
		return ph_inspect_child_main(argc, argv, ph_worker_inspect);
	if (argc > 1 && strcmp(argv[1], PH_COMPLETE) == 0)
		return ph_complete_main(ph_verbs, argc, argv);
	return ph_cli_main(ph_verbs, argc, argv);
}
