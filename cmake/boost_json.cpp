// The one place where Boost.JSON is compiled, and where the Boost the build has found is checked.
#include <boost/json/src.hpp>
#include <boost/version.hpp>

static_assert(BOOST_VERSION >= 109000, "an older Boost precedes the one the build has found");
