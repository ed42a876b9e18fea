using System.Runtime.CompilerServices;

namespace Ssb.Conn.Simulator;

/// <summary>A host's way to the simulated world. Callers are handed to the hub directly, as the stream of callers would continue elsewhere.</summary>
internal sealed class SimNetwork(SimHost host) : IPeerNetwork
{
    private Func<FeedId, bool> _isWelcome = static _ => false;

    public bool Welcomes(FeedId caller) => _isWelcome(caller);

    public Task<IPeerConnection> DialAsync(PeerDial dial, CancellationToken cancellationToken) => host.World.DialAsync(host, dial.Address, cancellationToken);

    public async IAsyncEnumerable<IPeerConnection> AcceptAsync(Func<FeedId, bool> isWelcome, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _isWelcome = isWelcome;
        await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
        yield break;
    }
}
