from fastloop._core.transport cimport Protocol, Transport


cdef Protocol maybe_feeder(object protocol, Transport transport)
