module my-handler

go 1.27
