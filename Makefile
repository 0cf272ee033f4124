# posthub: "make demo" shows it, "make check" proves it, README.md explains it.

CC ?= cc
PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
BUILD ?= build
PYTHON ?= /usr/bin/python3

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2 -Wconversion -Werror
PACKAGES = glib-2.0 gio-2.0 gio-unix-2.0 hiredis jansson ldap libarchive libcurl \
	libgsf-1 libhs libmagic libpcre2-8 libqpdf libseccomp libsystemd libxml-2.0 \
	libytnef lmdb milter nettle poppler-glib smartcols uchardet
PKG_CFLAGS = $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PACKAGES)))
PKG_LIBS = $(shell pkg-config --libs $(PACKAGES)) -lunistring -lresolv -lm
CFLAGS ?= -O2 -g
SANITIZE =
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -I. $(WARNINGS) -fstack-protector-strong \
	-pthread $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS = -pthread -Wl,--as-needed -Wl,-z,relro,-z,now $(SANITIZE) $(LDFLAGS)

# Libraries: one static archive a directory; arrows point down only.
LIBS = inspect extract fork health routing directory scan state classify message \
	smtp track match base
NEEDS_base = base
NEEDS_match = match base
NEEDS_classify = classify message match base
NEEDS_state = state classify message match base
NEEDS_message = message base
NEEDS_smtp = smtp base
NEEDS_track = track base
NEEDS_scan = scan base
NEEDS_extract = extract message base
NEEDS_inspect = inspect extract message base
NEEDS_fork = fork message smtp track base
NEEDS_directory = directory $(NEEDS_state)
NEEDS_routing = routing $(NEEDS_state)
NEEDS_health = health routing smtp $(NEEDS_state)

# Programs: every directory's sources; main.c apart, so that unit tests can
# link the rest.
PROGRAMS = posthub posthub-frontend posthub-transport posthub-policy posthub-delivery \
	posthub-tracking posthub-submission
DIRS_posthub = cli milters/host milters/transport/rules store/mailbox
DIRS_posthub-transport = milters/host milters/transport milters/transport/rules
DIRS_posthub-frontend = milters/host milters/frontend
DIRS_posthub-policy = policy
# One mailbox layout, so one piece of code that knows it: store/mailbox.
DIRS_posthub-delivery = store/mailbox store/delivery
DIRS_posthub-tracking = tracking
DIRS_posthub-submission = store/mailbox store/submission

sources = $(wildcard $(addsuffix /*.c,$(1)))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
archive = $(BUILD)/lib/$(1).a
archives = $(foreach l,$(1),$(call archive,$(l)))

BINARIES = $(addprefix $(BUILD)/bin/,$(PROGRAMS))
# Data, where the programs look for it: as it will be installed.
SHARE = $(patsubst share/%,$(BUILD)/share/%,$(wildcard share/posthub/*/*)) \
	$(patsubst %,$(BUILD)/share/posthub/%,$(wildcard postfix-conf/*/*))
# Manual pages: tables in them are printed from the code's own.
MAN = $(patsubst man/%.in,$(BUILD)/man/%,$(wildcard man/*.in))
MANTABLE = $(BUILD)/tools/mantable
DIRS_mantable = cli milters/host milters/transport/rules store/mailbox
C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.c')
H_FILES = $(shell git ls-files --cached --others --exclude-standard '*.h')

.PHONY: all bench deps unit check check-samba demo containers lint sanitize install clean \
	format fuzz fuzz-programs help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BINARIES) $(SHARE) $(MAN)

help:
	@echo 'make demo      install what is missing, build, show a small organisation'
	@echo 'make check     install what is missing, build, run all tests'
	@echo 'make check-samba  the same against Active Directory, Samba'"'"'s'
	@echo 'make containers  the same organisation in containers'
	@echo 'make deps      install what is missing from Debian packages'
	@echo 'make fuzz      look for input that a parser cannot bear'
	@echo 'make all unit lint sanitize install clean'

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

define library
$(call archive,$(1)): $(call objects,$(call sources,lib/$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call library,$(l))))

define program
$(BUILD)/bin/$(1): $(call objects,$(call sources,$(DIRS_$(1)))) $(call archives,$(LIBS))
	@mkdir -p $$(@D)
	@echo '  LD $$@'
	@$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(PKG_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(BUILD)/share/%: share/%
	@mkdir -p $(@D)
	@cp $< $@

$(BUILD)/share/posthub/postfix-conf/%: postfix-conf/%
	@mkdir -p $(@D)
	@cp $< $@

$(MANTABLE): $(call objects,$(wildcard tools/*.c) \
		$(filter-out %/main.c,$(call sources,$(DIRS_mantable)))) $(call archives,$(LIBS))
	@mkdir -p $(@D)
	@echo '  LD $@'
	@$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS)

$(BUILD)/man/%: man/%.in $(wildcard man/*.inc share/posthub/sensitive-types/*) $(MANTABLE)
	@mkdir -p $(@D)
	@$(MANTABLE) $< >$@

# ---- benchmarks, run by hand: bench/README ----------------------------------
BENCH = source noop_milter lookups body routing floor classify inspect
BENCH_LIBS_source = $(shell pkg-config --libs glib-2.0)
BENCH_LIBS_lookups = $(BENCH_LIBS_source)
BENCH_LIBS_floor = $(BENCH_LIBS_source)
BENCH_LIBS_noop_milter = $(shell pkg-config --libs milter)
BENCH_PARTS_body = $(call objects,$(call sources,milters/host)) $(call archives,$(LIBS))
BENCH_LIBS_body = $(PKG_LIBS)
BENCH_PARTS_inspect = $(call objects,cli/message.c $(call sources,milters/host)) \
	$(BUILD)/obj/cli/command.o $(BUILD)/obj/cli/input.o $(BUILD)/obj/cli/help.o \
	$(call archives,$(LIBS))
BENCH_LIBS_inspect = $(PKG_LIBS)
BENCH_PARTS_routing = $(call archives,$(NEEDS_routing))
BENCH_LIBS_routing = $(PKG_LIBS)
BENCH_PARTS_classify = $(call archives,$(NEEDS_classify))
BENCH_LIBS_classify = $(PKG_LIBS)
define bench_program
$(BUILD)/bench/$(1): $(call objects,bench/$(1).c) $(BENCH_PARTS_$(1))
	@mkdir -p $$(@D)
	@echo '  LD $$@'
	@$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(BENCH_LIBS_$(1))
endef
$(foreach p,$(BENCH),$(eval $(call bench_program,$(p))))

bench: all $(addprefix $(BUILD)/bench/,$(BENCH))

# ---- unit tests: one program a file below tests/unit, mirroring the tree ----
UNIT_SOURCES = $(sort $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c \
	tests/unit/*/*/*/test_*.c))
UNIT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SOURCES))
CHECK_CFLAGS = $(patsubst -I%,-isystem%,$(shell pkg-config --cflags check)) \
	-Wno-pedantic
CHECK_LIBS = $(shell pkg-config --libs check)

$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

# $(1) source below tests/unit; a test of lib/x links x and what it needs, a
# test of a program links its objects without main.c and all libraries.
unit_dir = $(patsubst tests/unit/%/,%,$(dir $(1)))
unit_libs = $(if $(filter lib/%,$(unit_dir)),$(NEEDS_$(notdir $(unit_dir))),$(LIBS))
# Agents are tested with the message they see.
UNIT_DIRS_milters/frontend = milters/host
UNIT_DIRS_milters/transport = milters/host milters/transport/rules
UNIT_DIRS_milters/transport/rules = milters/host
UNIT_DIRS_cli = milters/host milters/transport/rules store/mailbox
UNIT_DIRS_store/delivery = store/mailbox
UNIT_DIRS_store/submission = store/mailbox
unit_dirs = $(if $(filter lib/%,$(unit_dir)),,$(unit_dir) $(UNIT_DIRS_$(unit_dir)))
define unit_test
$(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(1)): $(call objects,$(1) tests/unit/unit.c) \
		$(call objects,$(filter-out %/main.c,$(call sources,$(call unit_dirs,$(1))))) \
		$(call archives,$(call unit_libs,$(1)))
	@mkdir -p $$(@D)
	@echo '  LD $$@'
	@$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(PKG_LIBS) $(CHECK_LIBS)
endef
$(foreach t,$(UNIT_SOURCES),$(eval $(call unit_test,$(t))))

# ---- fuzzing: one target a parser, tests/fuzz/README -------------------------
FUZZ = $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SECONDS = 60
# Directories of a program whose parser it is: FUZZ_DIRS_NAME = tracking
# What drives a target: the corpus, or with clang's own main chance.
FUZZ_MAIN = $(call objects,tests/fuzz/replay.c) $(CHECK_LIBS)
FUZZ_TESTS = $(patsubst %,$(BUILD)/fuzz/fuzz_%,$(FUZZ))
define fuzz_target
$(BUILD)/fuzz/fuzz_$(1): $(call objects,tests/fuzz/fuzz_$(1).c) $(filter %.o,$(FUZZ_MAIN)) \
		$(call objects,$(filter-out %/main.c,$(call sources,$(FUZZ_DIRS_$(1))))) \
		$(call archives,$(LIBS))
	@mkdir -p $$(@D)
	@echo '  LD $$@'
	@$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(PKG_LIBS) $(filter -l% -f%,$(FUZZ_MAIN))
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_target,$(f))))

unit: $(UNIT_TESTS) $(FUZZ_TESTS)
	@$(PYTHON) tests/run --unit-only $(UNIT_TESTS) $(FUZZ_TESTS)

fuzz-programs: $(FUZZ_TESTS)

fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzzer CC=clang CFLAGS='-O1 -g' \
		WARNINGS=-Wall SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		FUZZ_MAIN=-fsanitize=fuzzer fuzz-programs
	@mkdir -p $(BUILD)/fuzzer/crashes
	@for name in $(FUZZ); do \
		mkdir -p $(BUILD)/fuzzer/corpus/$$name && \
		$(BUILD)/fuzzer/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) \
			-artifact_prefix=$(BUILD)/fuzzer/crashes/$$name- \
			$(BUILD)/fuzzer/corpus/$$name tests/fuzz/corpus/$$name || exit; \
	done

deps:
	@./deps.sh

check: deps
	@$(MAKE) --no-print-directory all $(UNIT_TESTS) $(FUZZ_TESTS)
	@BUILD=$(BUILD) $(PYTHON) tests/run $(UNIT_TESTS) $(FUZZ_TESTS)

# A domain controller takes the ports of its trade, so all of it runs in a
# network namespace of its own, which goes when the tests end.
check-samba:
	@./deps.sh samba
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) unshare --net sh -c 'ip link set lo up && \
		ip addr add 127.0.0.10/8 dev lo && exec "$$@"' sh \
		$(PYTHON) -m pytest -q -p no:cacheprovider tests/samba

demo: deps
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) $(PYTHON) tests/lab/demo.py

sanitize:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/san \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
		CFLAGS='-O1 -g' all unit

lint:
	@clang-format --dry-run --Werror $(C_FILES) $(H_FILES)
	@cppcheck --quiet --error-exitcode=1 --std=c11 -j2 \
		--enable=warning,performance,portability \
		--inline-suppr --suppressions-list=.cppcheck -I. $(C_FILES)
	@printf '%s\n' $(C_FILES) | xargs -P2 -I FILE clang-tidy --quiet \
		--warnings-as-errors='*' FILE -- -std=c17 -D_GNU_SOURCE -I. \
		$(PKG_CFLAGS) $(CHECK_CFLAGS) 2>/dev/null

format:
	@clang-format -i $(C_FILES) $(H_FILES)

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/etc/posthub \
		$(DESTDIR)$(PREFIX)/share/posthub
	install -m755 $(filter-out %/posthub,$(BINARIES)) $(DESTDIR)$(PREFIX)/sbin
	install -m755 $(BUILD)/bin/posthub $(DESTDIR)$(PREFIX)/bin
	cp -r postfix-conf share/posthub/* $(DESTDIR)$(PREFIX)/share/posthub
	install -D -m644 share/completions/posthub \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/posthub
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' share/systemd/posthub@.service.in \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/posthub@.service
	for page in $(MAN); do \
		install -D -m644 $$page \
			$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; \
	done

containers: deps
	@docker/containers.sh

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
