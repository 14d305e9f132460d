# SPDX-License-Identifier: Apache-2.0
# Statements prepared on the server with DBD::mysql; tells what it did as mysql_client.c does.
use strict;
use warnings;
use DBI;
$| = 1;
my ($host, $port, $user, $password, $database) = @ARGV;
my $db = DBI->connect("DBI:mysql:database=$database;host=$host;port=$port;mysql_server_prepare=1", $user, $password,
	{ RaiseError => 1, PrintError => 0 });
print "{\"connected\":true}\n";
<STDIN>;
my $st = $db->prepare("SELECT id, name FROM people WHERE id >= ? AND name <> ?");
print qq({"op":"STMT_PREPARE","target":"people","status":"OK","resp.param_count":2}\n);
for my $id (1 .. 4) {
	$st->execute($id, "n$id");
	my $rows = scalar @{ $st->fetchall_arrayref };
	print qq({"op":"SELECT","target":"people","status":"OK","req.params":["$id","n$id"],"resp.rows":$rows,"resp.columns":["id","name"]}\n);
}
my $in = $db->prepare("REPLACE INTO people VALUES (?, ?)");
print qq({"op":"STMT_PREPARE","target":"people","status":"OK"}\n);
my $n = $in->execute(200, undef);
print qq({"op":"REPLACE","target":"people","status":"OK","req.params":["200",null],"resp.affected_rows":$n}\n);
eval { $in->execute("many", "words") };
my $error = $db->errstr;
$error =~ s/(["\\])/\\$1/g;
print qq({"op":"REPLACE","target":"people","error":"$error","req.params":["many","words"],"resp.error_code":), $db->err, "}\n";
$_->finish for $st, $in;
print qq({"op":"STMT_RESET","status":"OK"}\n);
undef $st;
print qq({"op":"STMT_CLOSE","status":"-"}\n);
undef $in;
print qq({"op":"STMT_CLOSE","status":"-"}\n);
$db->disconnect;
print qq({"op":"QUIT","status":"-"}\n);
