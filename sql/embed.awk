# SPDX-License-Identifier: Apache-2.0
#
# Writes the migrations named on the command line as a C file: cli/migrate.h declares what it defines.  Run with LC_ALL=C, so
# that UTF-8 passes as bytes.  A question mark is escaped because C11 still knows trigraphs.

BEGIN {
	print "/* Made by sql/embed.awk from sql/: change it there. */"
	print "#include \"cli/migrate.h\"\n"
	print "const struct fw_migration fw_migrations[] = {"
}

FNR == 1 {
	if (count++)
		print "    },"
	name = FILENAME
	sub(/^.*\//, "", name)
	sub(/\.sql$/, "", name)
	version = substr(name, 1, 4)
	if (version !~ /^[0-9][0-9][0-9][0-9]$/ || substr(name, 5, 1) != "_") {
		print FILENAME ": a migration is named NNNN_name.sql" > "/dev/stderr"
		failed = 1
		exit 1
	}
	printf "    {%d, \"%s\",\n", version, substr(name, 6)
}

{
	gsub(/\\/, "\\\\&")
	gsub(/"/, "\\\"")
	gsub(/\?/, "\\?")
	print "\t\"" $0 "\\n\""
}

END {
	if (failed)
		exit 1
	if (count)
		print "    },"
	print "};\n"
	print "const size_t fw_migration_count = sizeof(fw_migrations) / sizeof(fw_migrations[0]);"
}
