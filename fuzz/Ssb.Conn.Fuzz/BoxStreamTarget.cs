using System.Buffers.Binary;
using Ssb.Wire;
using Ssb.Wire.Sodium;

namespace Ssb.Conn.Fuzz;

/// <summary>Reading a box stream.</summary>
/// <remarks>
/// Input: choices 1 | sizes of reads 1 | bytes. Bit 0 of the choices says what the bytes are: 0, what comes over the wire, where only
/// <see cref="Recording"/> is genuine; 1, orders to somebody who holds the keys. Bit 1: one byte comes at a time. Bit 2: a read of
/// nothing before every other one.
/// </remarks>
internal sealed class BoxStreamTarget
{
    private const int MaxWire = 20_000; // is slow enough

    private static readonly int[] s_sizes = [1, 2, 7, 33, 34, 35, 64, 1000, 4095, 4096, 4097, 9000, 70_000];

    private static FeedId Peer => field == default ? field = KeyPair.FromSeed(Enumerable.Repeat((byte)2, 32).ToArray()).Id : field;

    private readonly byte[] _nonce = [.. Enumerable.Repeat((byte)0xFF, 23), 0xFB]; // overflows in the third packet
    private readonly List<byte> _wire = [];
    private readonly List<byte> _plain = []; // what may be read, and no more
    private BoxStreamFailure? _failure; // how it must end; null for a goodbye
    private bool _over; // what comes is not read any more
    private int _unreadable = -1; // from here on the wire holds what nobody sealed

    private static byte[] Key => field ??= Enumerable.Repeat((byte)7, 32).ToArray();

    /// <summary>The one genuine recording: three packets and a goodbye.</summary>
    public static byte[] Recording()
    {
        BoxStreamTarget honest = Honest();
        return [.. honest._wire];
    }

    public static void Run(byte[] input)
    {
        if (input.Length < 2)
            return;

        BoxStreamTarget target;
        byte[] wire;
        bool isWire = (input[0] & 1) == 0;
        if (isWire)
        {
            target = Honest();
            wire = input[2..];
        }
        else
        {
            target = new BoxStreamTarget();
            target.Obey(input.AsSpan(2));
            target.End();
            wire = [.. target._wire];
        }

        var once = new Queue<byte[]>([wire]);
        using var inner = new ScriptedStream(() => once.TryDequeue(out byte[]? all) ? all : default, chunk: (input[0] & 2) != 0 ? 1 : int.MaxValue);
        var keys = new BoxStreamKeys(Key, new byte[24], Key, FirstNonce());
        using (var box = new BoxStream(inner, keys, Peer))
            target.Read(box, isWire, firstSize: input[1], emptyReads: (input[0] & 4) != 0);
        Targets.Require(inner.IsDisposed, "The inner stream was left open.");
    }

    private static BoxStreamTarget Honest()
    {
        var honest = new BoxStreamTarget();
        honest.Packet([1]);
        honest.Packet([.. Enumerable.Range(0, 100).Select(i => (byte)i)]);
        honest.Packet([.. Enumerable.Range(0, 20).Select(i => (byte)(3 * i))]);
        honest.Goodbye();
        honest.End();
        return honest;
    }

    private static byte[] FirstNonce() => new BoxStreamTarget()._nonce;

    private void Read(BoxStream box, bool isWire, int firstSize, bool emptyReads)
    {
        int read = 0;
        BoxStreamFailure? failure = null;
        try
        {
            for (int i = firstSize; ; i++)
            {
                if (emptyReads)
                    Targets.Require(Get(box, []) == 0, "A read of nothing gave something.");
                byte[] buffer = new byte[s_sizes[i % s_sizes.Length]];
                int count = Get(box, buffer);
                if (count == 0)
                    break;

                Targets.Require(read + count <= _plain.Count, "More was read than was sealed.");
                Targets.Require(buffer.Take(count).SequenceEqual(_plain.Skip(read).Take(count)), "Something was read that was not sealed.");
                read += count;
            }
        }
        catch (BoxStreamException e)
        {
            failure = e.Failure;
        }

        if (isWire)
        {
            Targets.Require(failure is not null || read == _plain.Count, "A good end, and not all was there.");
            Targets.Require(failure != BoxStreamFailure.InvalidLength, "Nobody sealed a wrong length.");
        }
        else
        {
            Targets.Require(failure == _failure, $"It ended with {failure} instead of {_failure}.");
            Targets.Require(read == _plain.Count, $"{read} bytes were read of {_plain.Count}.");
        }

        // Once over, it stays so.
        try
        {
            Targets.Require(Get(box, new byte[10]) == 0 && failure is null, "It went on after its end.");
        }
        catch (BoxStreamException e)
        {
            Targets.Require(e.Failure == failure, "It ended in two ways.");
        }
    }

    private static int Get(BoxStream box, byte[] buffer)
    {
        Task<int> reading = box.ReadAsync(buffer).AsTask();
        Targets.Require(reading.IsCompleted, "It waits, and nothing more comes.");
        return reading.GetAwaiter().GetResult();
    }

    private void Obey(ReadOnlySpan<byte> orders)
    {
        while (!orders.IsEmpty && _wire.Count < MaxWire)
        {
            byte order = orders[0];
            byte argument = orders.Length > 1 ? orders[1] : (byte)0;
            orders = orders[Math.Min(2, orders.Length)..];
            ReadOnlySpan<byte> bytes = orders[..Math.Min(argument, orders.Length)];
            switch (order % 8)
            {
                case 0 when !bytes.IsEmpty:
                    Packet(bytes);
                    orders = orders[bytes.Length..];
                    break;
                case 1:
                    Packet(Enumerable.Repeat(argument, BoxStream.MaxPacketSize - argument % 3).ToArray());
                    break;
                case 2:
                    Goodbye();
                    break;
                case 3: // a header that holds any length, before as much of a body, up to a point
                    int length = bytes.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : argument % 2 == 0 ? 0 : BoxStream.MaxPacketSize + 1;
                    if (length is >= 1 and <= BoxStream.MaxPacketSize)
                        Packet(new byte[length]);
                    else
                        Sealed(new byte[Math.Min(length, 5000)], length);
                    break;
                case 4:
                    Unsealed(bytes);
                    orders = orders[bytes.Length..];
                    break;
                case 5 when !bytes.IsEmpty: // a body that is not the one that its header was made for
                    Packet(bytes, tampered: true);
                    orders = orders[bytes.Length..];
                    break;
                case 6: // a goodbye but for one bit
                    Header([.. new byte[17], 1]);
                    EndWith(BoxStreamFailure.InvalidLength);
                    break;
                default:
                    break;
            }
        }
    }

    private void Packet(ReadOnlySpan<byte> body, bool tampered = false)
    {
        Sealed(body, body.Length, tampered);
        if (tampered)
            EndWith(BoxStreamFailure.Tampered);
        else if (!_over)
            _plain.AddRange(body);
    }

    private void Sealed(ReadOnlySpan<byte> body, int length, bool tampered = false)
    {
        byte[] bodyNonce = [.. _nonce], packed = new byte[body.Length], header = new byte[18];
        BoxStreamKeys.Increment(bodyNonce);
        BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)length);
        SecretBox.SealDetached(body, bodyNonce, Key, packed, header.AsSpan(2));
        Header(header);
        BoxStreamKeys.Increment(_nonce);
        if (tampered)
            packed[^1] ^= 1;
        _wire.AddRange(packed);
        if (length is 0 or > BoxStream.MaxPacketSize)
            EndWith(BoxStreamFailure.InvalidLength);
    }

    private void Goodbye()
    {
        Header(new byte[18]);
        EndWith(null);
    }

    private void Header(byte[] header)
    {
        byte[] box = new byte[BoxStream.HeaderSize];
        SecretBox.Seal(header, _nonce, Key, box);
        BoxStreamKeys.Increment(_nonce);
        _wire.AddRange(box);
    }

    private void Unsealed(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || _over)
            return;
        _unreadable = _wire.Count;
        _over = true;
        _wire.AddRange(bytes);
    }

    private void EndWith(BoxStreamFailure? failure)
    {
        if (!_over)
            _failure = failure;
        _over = true;
    }

    private void End()
    {
        if (_unreadable >= 0)
            _failure = _wire.Count - _unreadable >= BoxStream.HeaderSize ? BoxStreamFailure.Tampered : BoxStreamFailure.Truncated;
        else if (!_over)
            _failure = BoxStreamFailure.Truncated;
    }
}
