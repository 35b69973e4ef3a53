module waybill/bench/timed

go 1.26
