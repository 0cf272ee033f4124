#include "lib/base/file.h"
#include "lib/inspect/child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* What runs in the sandbox. */

static void
send_records(int fd, const GByteArray *records)
{
	/* It fails when the program has lost interest. */
	if (ph_file_write(fd, records->data, records->len) < 0)
		_exit(EXIT_FAILURE);
}

static void
send_number(int fd, enum ph_record_kind kind, uint32_t number)
{
	g_autoptr(GByteArray) record = g_byte_array_new();

	ph_record_format(record, kind, number);
	send_records(fd, record);
}

static bool
send_file(void *context, struct ph_walked *walked)
{
	g_autoptr(GByteArray) record = g_byte_array_new();

	ph_record_format_file(record, walked);
	ph_walked_free(walked);
	send_records(*(const int *)context, record);
	return true;
}

void
ph_worker_inspect(struct ph_types *types, const struct ph_request *request,
		  uint32_t first, int fd)
{
	struct ph_walk *walk =
	    ph_walk_new(types, &request->limits, send_file, &fd);

	for (uint32_t i = first; i < request->n; i++) {
		send_number(fd, PH_RECORD_BEGIN, i);
		ph_walk_run(walk, &request->parts[i]);
		send_number(fd, PH_RECORD_END, i);
	}
	ph_walk_free(&walk);
}

static uint32_t
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* One request. False: there will be no more. */
static bool
serve(const struct ph_worker_life *life)
{
	struct ph_request_call call = {0};
	struct ph_request request;
	int fd;
	ssize_t n = ph_fd_receive(PH_WORKER_FD, &call, sizeof call, &fd);

	if (n != sizeof call || call.magic != PH_REQUEST_MAGIC || fd < 0 ||
	    ph_request_open(fd, &request) < 0)
		return false;
	close(fd);
	life->work(life->types, &request, call.first, PH_WORKER_FD);
	ph_request_close(&request);
	send_number(PH_WORKER_FD, PH_RECORD_DONE, cpu_ms());
	return true;
}

void
ph_worker_main(const struct ph_worker_life *life)
{
	unsigned layers = life->layers;
	struct ph_err err = PH_ERR_INIT;
	pid_t parent = getppid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	if (ph_sandbox_seal(life->sandbox, &layers, &err) < 0) {
		g_autoptr(GByteArray) record = g_byte_array_new();

		ph_record_format_failed(record, err.text);
		send_records(PH_WORKER_FD, record);
		_exit(EXIT_FAILURE);
	}
	send_number(PH_WORKER_FD, PH_RECORD_HELLO, layers);
	while (serve(life))
		;
	_exit(EXIT_SUCCESS);
}
