module fusebox

go 1.24
