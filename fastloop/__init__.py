"""A compiled epoll event loop for asyncio."""
