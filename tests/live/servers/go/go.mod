module pxtrace.test/live/server

go 1.19
