# SPDX-License-Identifier: Apache-2.0
#
#   make            build everything into build/
#   make demo       an evening in a demo town, on a private stack; about a minute
#   make check      every test; last line "N passed, N failed"
#   make check-faults   the long run of the fault suite, a quarter of an hour at most; FAULTS="--seed N" repeats one
#   make bench      the performance table, and build/bench.json
#   make install    DESTDIR and PREFIX are honoured
#
#   SAN=address,undefined or SAN=thread builds with sanitizers, into a build folder of its own.

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
comma   := ,
BUILD   := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

# ---------------------------------------------------------------- sources, by layer; arrows point left only

BASE  := arena deadline error idset log mem seqset strmap text time
MODEL := device incident names rulebook settings standard town window
CORE  := alarm area chatter classify classify_table conduct confirm core decode escalate event flood hazard hearing incident load measure pages passed \
         pipeline receipt state supervise threshold timeline watched window
IO    := address config_file control crc32c journal journal_folder journal_keeper journal_open journal_scan journal_segment \
         lease loop mqtt mqtt_client mqtt_events mqtt_outbox mqtt_profile mqtt_socket page_json pg pg_columns pg_connect service \
         store store_ask store_batch store_copy store_fault store_read store_refuse store_rows store_sql town_read town_rows webhook window_read window_rows
APP   := actions daemon handover hearing lane options reading role status turn
CLI   := act classification command csv db faults import import_file journal journal_export journal_replay journal_show list main migrate \
         moment reconcile rows say sha256 show simulate simulate_play simulate_town simulate_trace simulate_windows status town_files town_questions town_sql writer writer_text
SCENARIO := action device encode file message receipt scenario schedule source words
SIM   := ledger main player publisher

BASE_SRC  := $(BASE:%=daemon/base/%.c)
MODEL_SRC := $(MODEL:%=daemon/model/%.c)
CORE_SRC  := $(CORE:%=daemon/core/%.c)
IO_SRC    := $(IO:%=daemon/io/%.c)
APP_SRC   := $(APP:%=daemon/app/%.c)
CLI_SRC   := $(CLI:%=daemon/cli/%.c)
SCENARIO_SRC := $(SCENARIO:%=daemon/scenario/%.c)
SIM_SRC   := $(SIM:%=tests/simulator/%.c)

# ---------------------------------------------------------------- tools and flags

CC       ?= cc
AR       ?= ar
WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE -D_GLIBCXX_ASSERTIONS
OPTIMISE := -O2 -g
ifeq ($(SAN),)
HARDEN   += -D_FORTIFY_SOURCE=2
else
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
endif
CFLAGS   ?=
CPPFLAGS := -std=c11 -D_GNU_SOURCE -DFW_VERSION='"$(VERSION)"' -Idaemon -I$(BUILD)/gen -I/usr/include/postgresql
LDFLAGS  := -pie -Wl,-z,relro,-z,now,-z,noexecstack $(if $(SAN),-fsanitize=$(SAN))
ALL_CFLAGS := $(OPTIMISE) $(WARN) $(HARDEN) $(CFLAGS)

CORE_LIBS := -lprotobuf-c
IO_LIBS   := -levent_core -lpaho-mqtt3as -lpq -lcurl -ljansson -linih -lsystemd -lpthread
CLI_LIBS  := -lpq -ljansson -linih -lcrypto
SIM_LIBS  := -lprotobuf-c -lpaho-mqtt3as -lpthread

GEN_PROTO := $(BUILD)/gen/firewatch/v1/firewatch.pb-c
CORE_LIB  := $(BUILD)/libfirewatch-core.a
IO_LIB    := $(BUILD)/libfirewatch-io.a
APP_LIB   := $(BUILD)/libfirewatch-app.a

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

CORE_OBJ := $(call obj,$(BASE_SRC) $(MODEL_SRC) $(CORE_SRC)) $(GEN_PROTO).o
IO_OBJ   := $(call obj,$(IO_SRC))
APP_OBJ  := $(call obj,$(APP_SRC))
CLI_OBJ  := $(call obj,$(CLI_SRC)) $(BUILD)/gen/migrations.o
SIM_OBJ  := $(call obj,$(SIM_SRC))
SCENARIO_OBJ := $(call obj,$(SCENARIO_SRC))

PROGRAMS := $(BUILD)/firewatchd $(BUILD)/firewatchctl $(BUILD)/firewatch-sim

.PHONY: all
all: $(PROGRAMS)

# ---------------------------------------------------------------- generated sources

$(GEN_PROTO).c: proto/firewatch/v1/firewatch.proto
	@mkdir -p $(BUILD)/gen
	protoc-c --proto_path=proto --c_out=$(BUILD)/gen firewatch/v1/firewatch.proto

$(GEN_PROTO).h: $(GEN_PROTO).c

# Generated code is not held to our warnings.
$(GEN_PROTO).o: $(GEN_PROTO).c
	$(CC) $(CPPFLAGS) $(OPTIMISE) $(HARDEN) -c $< -o $@

# The migrations, in the order of their numbers, as C arrays inside firewatchctl.
MIGRATIONS := $(sort $(wildcard sql/[0-9][0-9][0-9][0-9]_*.sql))

$(BUILD)/gen/migrations.c: $(MIGRATIONS) sql/embed.awk
	@mkdir -p $(BUILD)/gen
	LC_ALL=C awk -f sql/embed.awk $(MIGRATIONS) > $@

$(BUILD)/gen/migrations.o: $(BUILD)/gen/migrations.c
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c $< -o $@

# ---------------------------------------------------------------- objects, libraries, programs

$(BUILD)/obj/%.o: %.c | $(GEN_PROTO).h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d)

$(CORE_LIB): $(CORE_OBJ) Makefile
	@rm -f $@
	$(AR) rcsD $@ $(CORE_OBJ)

$(IO_LIB): $(IO_OBJ) Makefile
	@rm -f $@
	$(AR) rcsD $@ $(IO_OBJ)

$(APP_LIB): $(APP_OBJ) Makefile
	@rm -f $@
	$(AR) rcsD $@ $(APP_OBJ)

$(BUILD)/firewatchd: $(call obj,daemon/app/main.c) $(APP_LIB) $(IO_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(IO_LIBS) $(CORE_LIBS) -lm

$(BUILD)/firewatchctl: $(CLI_OBJ) $(SCENARIO_OBJ) $(IO_LIB) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(CLI_LIBS) $(CORE_LIBS)

$(BUILD)/firewatch-sim: $(SIM_OBJ) $(SCENARIO_OBJ) $(CORE_LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(SIM_LIBS)

# ---------------------------------------------------------------- what follows from the table of settings

CONF_MAN  := $(BUILD)/firewatchd.conf.5
CONF_FILE := $(BUILD)/firewatchd.conf

$(CONF_MAN): deploy/man/firewatchd.conf.5.in $(BUILD)/firewatchd
	$(BUILD)/firewatchd --settings-table man > $@.settings
	sed -e '/^@SETTINGS@$$/{r $@.settings' -e 'd;}' $< > $@
	@rm -f $@.settings

# The installed sample: every setting with its meaning and default, none of them set.
$(CONF_FILE): $(BUILD)/firewatchd
	$(BUILD)/firewatchd --config /dev/null --dump-config | sed 's/^\([a-z_]* =\)/;\1/' > $@

.PHONY: README.md
README.md: $(BUILD)/firewatchd
	$(BUILD)/firewatchd --settings-table markdown > $(BUILD)/settings.md
	sed -i -e '/^<!-- settings:/,/^<!-- \/settings -->/{//!d;}' -e '/^<!-- settings:/r $(BUILD)/settings.md' $@

.PHONY: install
install: all $(CONF_MAN) $(CONF_FILE)
	install -d $(addprefix $(DESTDIR)$(PREFIX),/bin /share/man/man1 /share/man/man5 /share/man/man8 /lib/systemd/system)
	install -m 755 $(BUILD)/firewatchd $(BUILD)/firewatchctl $(DESTDIR)$(PREFIX)/bin
	install -m 644 deploy/man/firewatchctl.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(CONF_MAN) $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 deploy/man/firewatchd.8 $(DESTDIR)$(PREFIX)/share/man/man8
	sed 's,/usr/local/bin/,$(PREFIX)/bin/,' systemd/firewatchd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/firewatchd.service
	install -d $(DESTDIR)/etc/firewatch
	install -m 640 $(CONF_FILE) $(DESTDIR)/etc/firewatch/firewatchd.conf.sample

# ---------------------------------------------------------------- commands of the project
#
# The packages come first, so each builds by a make of its own.

SANITIZED  := build/san-address-undefined
THREADED   := $(addprefix build/san-thread/tests/journal/,journal_test journal_damage_test)
MAKE_BUILD  = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: demo
demo:
	@deploy/dependencies
	@echo building
	@$(MAKE_BUILD) -s all
	@BUILD=build deploy/demo/run

.PHONY: check
check:
	@deploy/dependencies
	@echo building
	@$(MAKE_BUILD) -s all
	@$(MAKE_BUILD) -s SAN=address,undefined all test-programs
	@$(MAKE_BUILD) -s SAN=thread all $(THREADED)
	@tests/check --build build --sanitized $(SANITIZED) --threaded build/san-thread $(TEST_PROGRAMS:$(BUILD)/%=$(SANITIZED)/%) $(THREADED)

.PHONY: check-faults
check-faults:
	@deploy/dependencies
	@echo building
	@$(MAKE_BUILD) -s all
	@BUILD=build PYTHONDONTWRITEBYTECODE=1 tests/faults/run $(FAULTS)

.PHONY: bench
bench:
	@deploy/dependencies
	@echo building
	@$(MAKE_BUILD) -s all bench-programs
	@BUILD=build tests/bench/run

.PHONY: clean
clean:
	rm -rf build

include tests/tests.mk
