// Boost.Redis is compiled here and nowhere else: this unit takes as long as all others of this folder together.
#include <boost/redis/src.hpp>
