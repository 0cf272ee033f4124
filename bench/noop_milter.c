/*
 * noop_milter SOCKET: a milter as the manual of libmilter shows it: every event
 * of a message is asked for and answered with "continue". What it costs is what
 * the protocol costs to whoever does not negotiate anything away.
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	(void)ctx;
	(void)host;
	(void)address;
	return SMFIS_CONTINUE;
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	(void)ctx;
	(void)name;
	return SMFIS_CONTINUE;
}

/* Of MAIL and of RCPT. */
static sfsistat
on_address(SMFICTX *ctx, char **argv)
{
	(void)ctx;
	(void)argv;
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_CONTINUE;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *chunk, size_t size)
{
	(void)ctx;
	(void)chunk;
	(void)size;
	return SMFIS_CONTINUE;
}

/* At the end of the header and of the message. */
static sfsistat
on_end(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	char name[] = "noop", address[128];
	struct smfiDesc description = {
	    .xxfi_name = name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_connect = on_connect,
	    .xxfi_helo = on_helo,
	    .xxfi_envfrom = on_address,
	    .xxfi_envrcpt = on_address,
	    .xxfi_header = on_header,
	    .xxfi_eoh = on_end,
	    .xxfi_body = on_body,
	    .xxfi_eom = on_end,
	};

	if (argc != 2 || strlen(argv[1]) > sizeof(address) - sizeof("unix:")) {
		fputs("usage: noop_milter SOCKET\n", stderr);
		return EX_USAGE;
	}
	snprintf(address, sizeof(address), "unix:%s", argv[1]);
	umask(0); /* Postfix is another user */
	if (smfi_setconn(address) != MI_SUCCESS ||
	    smfi_register(description) != MI_SUCCESS)
		return EX_UNAVAILABLE;
	return smfi_main() == MI_SUCCESS ? EX_OK : EX_UNAVAILABLE;
}
