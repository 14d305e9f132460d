# SPDX-License-Identifier: Apache-2.0
# Statements prepared on the server with DBD::Pg, through the UNIX socket.
use strict;
use warnings;
use DBI;
$| = 1;
my ($host, $port, $user, $password, $database) = @ARGV;
my $db = DBI->connect("DBI:Pg:dbname=$database;host=$host;port=$port", $user, $password,
	{ RaiseError => 1, PrintError => 0, pg_prepare_now => 1, pg_switch_prepared => 1 });
my $early = $db->prepare("SELECT 1 WHERE 7 > ?");
print qq({"connected":true}\n);
<STDIN>;
$early->execute(3);
print qq({"early":true,"status":"OK","resp.rows":), $early->rows, "}\n";
my $st = $db->prepare("SELECT id, name FROM people WHERE id >= ? AND name <> ?");
print qq({"op":"PARSE","target":"people","status":"OK"}\n);
for my $id (1 .. 4) {
	$st->execute($id, "n$id");
	my $rows = scalar @{ $st->fetchall_arrayref };
	print qq({"op":"SELECT","target":"people","status":"OK","req.params":["$id","n$id"],"resp.rows":$rows,"resp.columns":["id","name"]}\n);
}
my $in = $db->prepare("INSERT INTO people VALUES (?, ?)");
print qq({"op":"PARSE","target":"people","status":"OK"}\n);
my $n = $in->execute(300, undef);
print qq({"op":"INSERT","target":"people","status":"OK","req.params":["300",null],"resp.rows":$n}\n);
eval { $in->execute("many", "words") };
my $state = $in->state;
print qq({"op":"INSERT","target":"people","status":"$state","req.params":["many","words"],"resp.severity":"ERROR"}\n);
undef $_ for $st, $in, $early;
print qq({"op":"DEALLOCATE","status":"OK"}\n) for 1 .. 3;
$n = $db->do("DELETE FROM people WHERE id = 300");
print qq({"op":"DELETE","target":"people","status":"OK","resp.rows":$n}\n);
$db->disconnect;
