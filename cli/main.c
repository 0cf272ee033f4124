#include "cli/command.h"

int
main(int argc, char **argv)
{
	return ph_cli_main(ph_verbs, argc, argv);
}
