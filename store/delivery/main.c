#include "lib/base/program.h"
#include "store/delivery/daemon.h"

#define BUSY "421 4.3.2 Too many connections\r\n"

static const struct ph_listen listeners[] = {
    {"lmtp", ph_delivery_serve, BUSY},
    {"lmtp_socket", ph_delivery_serve, BUSY},
    {NULL, NULL, NULL},
};

static const struct ph_program program = {
    .name = "posthub-delivery",
    .section = "delivery",
    .summary = "Mailbox Transport Delivery: puts messages into mailboxes",
    .listen = listeners,
    .start = ph_delivery_start,
    .stop = ph_delivery_stop,
    .owner = {"delivery", "mailbox_user"},
};

int
main(int argc, char **argv)
{
	return ph_program_main(&program, argc, argv);
}
