using Ssb.Conn.Net.Tests;

[assembly: AssemblyFixture(typeof(PoolOfThreads))]

namespace Ssb.Conn.Net.Tests;

/// <summary>Tests that wait keep threads of the pool; the peers that they wait for need some, too, at once.</summary>
public sealed class PoolOfThreads
{
    public PoolOfThreads() => ThreadPool.SetMinThreads(32, 32);
}
