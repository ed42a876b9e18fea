// The exchange of the four messages over a stream; HandshakeState.cs has their layout, and the source.
using Ssb.Wire.Sodium;

namespace Ssb.Wire;

/// <summary>
/// Proves two peers to each other, hides who they are from everybody else, and leaves an encrypted stream between them.
/// </summary>
/// <remarks>Stateless and thread-safe. The stream belongs to the handshake from the call on: it becomes part of the
/// <see cref="BoxStream"/>, or is closed when the handshake fails or is cancelled.</remarks>
public static class SecretHandshake
{
    /// <summary>Shakes hands as the one who dialled.</summary>
    /// <param name="stream">Bytes to and from the server, such as a socket's, with no bytes read or written yet.</param>
    /// <param name="keys">Who we are. For an invite, the key pair of its seed.</param>
    /// <param name="server">Whom we dialled: nobody else is accepted.</param>
    /// <param name="options">Network key, deadline and clock.</param>
    /// <param name="cancellationToken">Ends the attempt and closes the stream.</param>
    /// <exception cref="HandshakeException">It failed.</exception>
    public static Task<BoxStream> ConnectAsync(
        Stream stream, KeyPair keys, FeedId server, HandshakeOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(stream, keys, ref options);
        return RunAsync(new Client(new HandshakeState(options.Network, keys), stream, server), stream, options, cancellationToken);
    }

    /// <summary>Shakes hands as the one who was dialled.</summary>
    /// <param name="stream">Bytes to and from the client, such as a socket's, with no bytes read or written yet.</param>
    /// <param name="keys">Who we are.</param>
    /// <param name="authorize">Says whether this client, who has proven to be who it is, may come in. What it throws comes out of the
    /// returned task; the client is then refused.</param>
    /// <param name="options">Network key, deadline and clock.</param>
    /// <param name="cancellationToken">Ends the attempt and closes the stream.</param>
    /// <exception cref="HandshakeException">It failed.</exception>
    public static Task<BoxStream> AcceptAsync(
        Stream stream, KeyPair keys, Func<FeedId, CancellationToken, ValueTask<bool>> authorize,
        HandshakeOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(stream, keys, ref options);
        ArgumentNullException.ThrowIfNull(authorize);
        return RunAsync(new Server(new HandshakeState(options.Network, keys), stream, authorize), stream, options, cancellationToken);
    }

    private static void Check(Stream stream, KeyPair keys, [System.Diagnostics.CodeAnalysis.NotNull] ref HandshakeOptions? options)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(keys);
        options ??= new HandshakeOptions();
        options.Validate();
    }

    private static async Task<BoxStream> RunAsync(
        Role role, Stream stream, HandshakeOptions options, CancellationToken cancellationToken)
    {
        using HandshakeState state = role.State;
        using var deadline = new CancellationTokenSource(options.Deadline, options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        // Not every stream ends a read when it is cancelled, but every stream ends one when it is closed.
        using CancellationTokenRegistration closing = both.Token.UnsafeRegister(static s => ((Stream)s!).Dispose(), stream);
        HandshakeFailure? failure = null;
        bool ended = false;
        try
        {
            await role.ExchangeAsync(both.Token).ConfigureAwait(false);
            // From here on the stream is the box stream's: a deadline that passes now comes too late.
            if (!closing.Unregister())
                both.Token.ThrowIfCancellationRequested();
            ended = true;
            return new BoxStream(stream, state.MakeKeys(), state.Remote);
        }
        catch (HandshakeException e)
        {
            failure = e.Failure;
            throw;
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception e) when (deadline.IsCancellationRequested)
        {
            failure = HandshakeFailure.TimedOut;
            throw new HandshakeException(HandshakeFailure.TimedOut,
                $"{role.Name}: the other side did not finish the handshake within {options.Deadline.TotalSeconds:0.###} s; it stopped before {role.Step}.", e);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException && !role.IsHostsTurn)
        {
            failure = role.FailureWhenClosed;
            throw new HandshakeException(role.FailureWhenClosed, $"{role.Name}: {role.WhenClosed}", e);
        }
        finally
        {
            if (!ended)
                await stream.DisposeAsync().ConfigureAwait(false);
            WireMetrics.CountHandshake(role.Name, ended ? "done" : failure?.ToString() ?? "cancelled");
        }
    }

    /// <summary>One side's part, and what to say if it fails.</summary>
    private abstract class Role(HandshakeState state, Stream stream)
    {
        public HandshakeState State => state;

        protected Stream Stream => stream;

        public abstract string Name { get; }

        /// <summary>The message that is waited for, for people.</summary>
        public string Step { get; protected set; } = "the hello";

        public string WhenClosed { get; protected set; } = "the stream closed.";

        public HandshakeFailure FailureWhenClosed { get; protected set; } = HandshakeFailure.Closed;

        /// <summary>Whether foreign code runs, whose exceptions are not the stream's.</summary>
        public bool IsHostsTurn { get; protected set; }

        public abstract Task ExchangeAsync(CancellationToken cancellationToken);

        protected async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
            await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        protected ValueTask ReceiveAsync(Memory<byte> message, CancellationToken cancellationToken) =>
            stream.ReadExactlyAsync(message, cancellationToken);

        protected HandshakeException Fail(HandshakeFailure failure, string why) => new(failure, $"{Name}: {why}");

        protected HandshakeException FailWeak() => Fail(HandshakeFailure.WeakKey, "the other side offered a key of low order.");
    }

    private sealed class Client(HandshakeState state, Stream stream, FeedId server) : Role(state, stream)
    {
        public override string Name => "client";

        // While the server computes, so does the client: what does not depend on the next message is done before waiting for it.
        public override async Task ExchangeAsync(CancellationToken cancellationToken)
        {
            byte[] message = new byte[HandshakeState.AuthenticateSize];
            State.MakeEphemeral();
            State.WriteHello(message.AsSpan(0, HandshakeState.HelloSize));
            Step = "its hello";
            WhenClosed = "the server hung up on our hello. It uses another network key, is full, or does not speak secret handshake.";
            await SendAsync(message.AsMemory(0, HandshakeState.HelloSize), cancellationToken).ConfigureAwait(false);
            if (!State.TryAim(server))
                throw Fail(HandshakeFailure.WeakKey, $"nobody can hold the key {server}: it is no point of the curve's main subgroup.");

            bool agreed = State.TryAgreeWithServerKey();
            await ReceiveAsync(message.AsMemory(0, HandshakeState.HelloSize), cancellationToken).ConfigureAwait(false);
            if (!State.TryReadHello(message.AsSpan(0, HandshakeState.HelloSize)))
                throw Fail(HandshakeFailure.WrongNetwork, "the server's hello was not made with our network key.");
            if (!agreed || !State.TryAgree())
                throw FailWeak();

            State.WriteAuthenticate(message);
            Step = "its acceptance";
            FailureWhenClosed = HandshakeFailure.Refused;
            WhenClosed = $"the server hung up on our proof. It does not want us, or is not {server}.";
            await SendAsync(message, cancellationToken).ConfigureAwait(false);
            if (!State.TryAgreeAsClient())
                throw FailWeak();

            await ReceiveAsync(message.AsMemory(0, HandshakeState.AcceptSize), cancellationToken).ConfigureAwait(false);
            if (!State.TryReadAccept(message.AsSpan(0, HandshakeState.AcceptSize)))
                throw Fail(HandshakeFailure.WrongKey, $"the server did not prove that it is {server}.");
        }
    }

    private sealed class Server(HandshakeState state, Stream stream, Func<FeedId, CancellationToken, ValueTask<bool>> authorize)
        : Role(state, stream)
    {
        public override string Name => "server";

        // Nothing but one authenticator is computed for who does not know the network key.
        public override async Task ExchangeAsync(CancellationToken cancellationToken)
        {
            byte[] message = new byte[HandshakeState.AuthenticateSize];
            WhenClosed = "the client hung up before its hello.";
            await ReceiveAsync(message.AsMemory(0, HandshakeState.HelloSize), cancellationToken).ConfigureAwait(false);
            if (!State.TryReadHello(message.AsSpan(0, HandshakeState.HelloSize)))
                throw Fail(HandshakeFailure.WrongNetwork, "the client's hello was not made with our network key, or it speaks another protocol.");

            State.MakeEphemeral();
            State.WriteHello(message.AsSpan(0, HandshakeState.HelloSize));
            Step = "its proof";
            WhenClosed = "the client hung up before its proof.";
            await SendAsync(message.AsMemory(0, HandshakeState.HelloSize), cancellationToken).ConfigureAwait(false);
            if (!State.TryAgree() || !State.TryAgreeAsServer())
                throw FailWeak();

            await ReceiveAsync(message, cancellationToken).ConfigureAwait(false);
            if (!State.TryReadAuthenticate(message))
                throw Fail(HandshakeFailure.WrongKey, "the client dialled another key than ours, or does not hold the key that it claims.");
            if (!State.TryAgreeWithClientKey())
                throw FailWeak();

            Step = "the host's verdict";
            IsHostsTurn = true;
            bool authorized = await authorize(State.Remote, cancellationToken).ConfigureAwait(false);
            IsHostsTurn = false;
            if (!authorized)
                throw Fail(HandshakeFailure.Refused, $"{State.Remote} was not authorised.");

            State.WriteAccept(message.AsSpan(0, HandshakeState.AcceptSize));
            Step = "the end";
            WhenClosed = "the client hung up before it was accepted.";
            await SendAsync(message.AsMemory(0, HandshakeState.AcceptSize), cancellationToken).ConfigureAwait(false);
        }
    }
}
