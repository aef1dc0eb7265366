# SPDX-License-Identifier: Apache-2.0
# Test programs in C.  A unit test links the core library alone: that keeps the core pure.

UNIT := arena_test classify_test csv_test deadline_test device_test idset_test log_test scenario_test seqset_test settings_test strmap_test text_test time_test

# These have the fixture: a core, a small town and a clock.
CORE_UNIT := \
        area_test \
        chatter_test \
        conduct_test \
        confirm_test \
        core_hardship_test \
        core_lifetime_test \
        core_order_test \
        core_property_test \
        core_refused_test \
        core_replay_test \
        core_test \
        flood_test \
        hazard_test \
        level_test \
        supervise_test \
        threshold_test \
        window_test
FUZZ := csv_fuzz decode_fuzz journal_fuzz scenario_fuzz

UNIT_PROGRAMS := $(patsubst %,$(BUILD)/tests/unit/%,$(UNIT) $(CORE_UNIT))
FUZZ_PROGRAMS := $(FUZZ:%=$(BUILD)/tests/fuzz/%)
JOURNAL_TESTS := $(addprefix $(BUILD)/tests/journal/,journal_test journal_damage_test journal_disk_test)
STORE_TESTS   := $(addprefix $(BUILD)/tests/store/,store_test store_fault_test store_read_test)
TEST_PROGRAMS := $(UNIT_PROGRAMS) $(JOURNAL_TESTS) $(STORE_TESTS) $(FUZZ_PROGRAMS)

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS)

$(BUILD)/obj/tests/%.o: CPPFLAGS += -I.

$(UNIT_PROGRAMS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CORE_LIB) $(CORE_LIBS) -lcmocka

# What is tested beside the core library goes with its test.
$(BUILD)/tests/unit/csv_test $(BUILD)/tests/fuzz/csv_fuzz: $(BUILD)/obj/daemon/cli/csv.o
$(CORE_UNIT:%=$(BUILD)/tests/unit/%): $(BUILD)/obj/tests/unit/core_fixture.o
$(BUILD)/tests/unit/core_replay_test: $(BUILD)/obj/tests/unit/replay_tables.o
$(BUILD)/tests/unit/scenario_test $(BUILD)/tests/fuzz/scenario_fuzz: $(call obj,$(patsubst %,daemon/scenario/%.c,action scenario words))

JOURNAL_OBJ := $(call obj,$(patsubst %,daemon/io/%.c,crc32c journal journal_folder journal_keeper journal_open journal_segment))

$(BUILD)/tests/fuzz/journal_fuzz: $(JOURNAL_OBJ)

$(addprefix $(BUILD)/tests/journal/,journal_test journal_damage_test): $(BUILD)/obj/tests/journal/journal_fixture.o

$(JOURNAL_TESTS): $(BUILD)/tests/journal/%: $(BUILD)/obj/tests/journal/%.o $(JOURNAL_OBJ) $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lpthread

# Parsers under mutated input, from a printed seed.
$(FUZZ_PROGRAMS): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/driver.o $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CORE_LIB) $(CORE_LIBS) -lpthread

# The store on a private PostgreSQL: tests/store/run PROGRAM, and store_test rate to measure.
$(STORE_TESTS): $(BUILD)/tests/store/%: $(BUILD)/obj/tests/store/%.o $(call obj,tests/store/store_fixture.c \
    $(patsubst %,daemon/io/%.c,loop pg pg_columns pg_connect store store_ask store_batch store_copy store_fault store_read store_refuse store_rows store_sql town_read town_rows window_read window_rows)) $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -levent_core -lpq $(CORE_LIBS) -lcmocka

.PHONY: store-test
store-test: $(STORE_TESTS)
	for program in $(abspath $(STORE_TESTS)); do tests/store/run $$program || exit 1; done

# What the bench measures with.
BENCH_PROGRAMS := $(addprefix $(BUILD)/bench/,publish noop)

# What the core costs in bytes a device and nanoseconds a report.
CORE_BENCH := $(BUILD)/tests/bench/core_bench

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS) $(CORE_BENCH)

$(BENCH_PROGRAMS): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(if $(filter noop,$*),-lpaho-mqtt3as)

$(CORE_BENCH): $(BUILD)/obj/tests/bench/core_bench.o $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CORE_LIB) $(CORE_LIBS)
