module functions

go 1.24

require fusebox v0.0.0

replace fusebox => ../../udf-sdk/go
