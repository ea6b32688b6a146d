from fastloop._sys.socket cimport sockaddr_storage, socklen_t


cdef bint is_known(int family) noexcept
cdef object address_object(const sockaddr_storage* raw, socklen_t size)
cdef socklen_t maybe_pack_address(int family, object address, sockaddr_storage* raw) except? 0
