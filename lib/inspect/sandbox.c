#include "lib/inspect/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer maps all of the address space and has calls of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static const struct {
	unsigned layer;
	const char *name;
} names[] = {
    {PH_SANDBOX_CALLS, "filter of system calls"},
    {PH_SANDBOX_LANDLOCK, "Landlock"},
    {PH_SANDBOX_ROOT, "empty root directory"},
    {PH_SANDBOX_NETWORK, "empty network"},
    {PH_SANDBOX_USER, "user of its own"},
};

char *
ph_sandbox_names(unsigned layers)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if ((layers & names[i].layer) != 0)
			g_string_append_printf(out, "%s%s",
					       out->len > 0 ? ", " : "",
					       names[i].name);
	return g_string_free(out, FALSE);
}

void
ph_sandbox_find_user(struct ph_sandbox *sandbox, const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL)
		user = getpwnam("nobody");
	sandbox->uid = user != NULL ? user->pw_uid : 65534;
	sandbox->gid = user != NULL ? user->pw_gid : 65534;
}

/* ---- before the first fork ----------------------------------------------- */

static unsigned
leave_network(void)
{
	/* Who is not root is so in a namespace of users. */
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return 0;
	return unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) == 0
		   ? PH_SANDBOX_NETWORK
		   : 0;
}

/*
 * A directory that is empty and stays so, without making one: that of the
 * descriptors of a process that has ended. The child shares the root directory
 * with this process.
 */
static unsigned
leave_root(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	int status = 0;

	if (pid == 0)
		_exit(chroot("/proc/self/fdinfo/") != 0 || chdir("/") != 0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && status == 0 && access("/", R_OK) != 0
		   ? PH_SANDBOX_ROOT
		   : 0;
}

static unsigned
leave_user(const struct ph_sandbox *sandbox)
{
	if (geteuid() != 0 || sandbox->uid == 0)
		return 0;
	return setgroups(0, NULL) == 0 &&
		       setresgid(sandbox->gid, sandbox->gid, sandbox->gid) ==
			   0 &&
		       setresuid(sandbox->uid, sandbox->uid, sandbox->uid) == 0
		   ? PH_SANDBOX_USER
		   : 0;
}

/* A set of rules about everything, without a rule. */
static unsigned
leave_files(void)
{
	const struct landlock_ruleset_attr all = {
	    .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
	long r;

	if (fd < 0)
		return 0;
	r = syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return r == 0 ? PH_SANDBOX_LANDLOCK : 0;
}

/* Bytes of address space that this process has. */
static uint64_t
own_size(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (file != NULL) {
		if (fscanf(file, "%lu", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

unsigned
ph_sandbox_enter(struct ph_sandbox *sandbox)
{
	unsigned layers = 0;
	bool root = geteuid() == 0;

	sandbox->memory += own_size();
	layers |= leave_network();
	layers |= leave_root();
	if (root)
		layers |= leave_user(sandbox);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	layers |= leave_files();
	return layers;
}

/* ---- a worker ------------------------------------------------------------ */

#define DESCRIPTORS 5

static int
limit(__rlimit_resource_t resource, uint64_t most)
{
	const struct rlimit to = {most, most};

	return setrlimit(resource, &to);
}

static int
set_limits(const struct ph_sandbox *sandbox)
{
	if (limit(RLIMIT_NOFILE, DESCRIPTORS) < 0 ||
	    limit(RLIMIT_NPROC, 0) < 0 || limit(RLIMIT_FSIZE, 0) < 0 ||
	    limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_MEMLOCK, 0) < 0 ||
	    limit(RLIMIT_CPU, sandbox->cpu) < 0)
		return -1;
	return SANITIZED ? 0 : limit(RLIMIT_AS, sandbox->memory);
}

/* Memory, its own descriptors, the clock, its own end. */
static const int calls[] = {
    SCMP_SYS(read),	    SCMP_SYS(write),	      SCMP_SYS(recvmsg),
    SCMP_SYS(close),	    SCMP_SYS(lseek),	      SCMP_SYS(munmap),
    SCMP_SYS(mremap),	    SCMP_SYS(madvise),	      SCMP_SYS(brk),
    SCMP_SYS(futex),	    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigaction), SCMP_SYS(clock_gettime),  SCMP_SYS(gettimeofday),
    SCMP_SYS(time),	    SCMP_SYS(getrandom),      SCMP_SYS(getpid),
    SCMP_SYS(gettid),	    SCMP_SYS(sched_yield),    SCMP_SYS(sysinfo),
    SCMP_SYS(exit),	    SCMP_SYS(exit_group),
};

#if SANITIZED
static const int sanitizer_calls[] = {
    SCMP_SYS(mmap),   SCMP_SYS(mprotect),	   SCMP_SYS(sigaltstack),
    SCMP_SYS(openat), SCMP_SYS(readlink),	   SCMP_SYS(newfstatat),
    SCMP_SYS(prctl),  SCMP_SYS(sched_getaffinity), SCMP_SYS(getuid),
};
#endif

/* 0, or below: libseccomp's. */
static int
add_rules(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < G_N_ELEMENTS(calls); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
#if SANITIZED
	for (size_t i = 0; r == 0 && i < G_N_ELEMENTS(sanitizer_calls); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, sanitizer_calls[i],
				     0);
#endif
	/* Nothing that was written can be run. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect),
				     1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* abort. */
	if (r == 0)
		r = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				     SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS, 0));
	return r;
}

static int
filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = -ENOMEM;

	if (filter == NULL)
		return r;
	r = add_rules(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int
ph_sandbox_seal(const struct ph_sandbox *sandbox, unsigned *layers,
		struct ph_err *err)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || set_limits(sandbox) < 0)
		return ph_err_set(err, PH_ERR_PERM, "limits: %s",
				  g_strerror(errno));
	r = filter_calls();
	if (r < 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "filter of system calls: %s", g_strerror(-r));
	*layers |= PH_SANDBOX_CALLS;
	return 0;
}
